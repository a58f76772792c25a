import { duplicate, forbiddenField, invalidValue, notFoundField, notSupported, required, tooMany } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { Container, ContainerPort, PodSpec, VolumeMount } from '@bramble/api/types/pod'
import { check, descendingPath, dnsLabel, notNegativeInt32, oneOf, portName, portNumber } from '../rules.ts'
import { validateEnvironment } from './validate-environment.ts'
import { validateLifecycle, validateProbes } from './validate-probes.ts'
import { validateResources } from './validate-resources.ts'
import type { PodSpecHome } from './validate.ts'

/** Source: Kubernetes pkg/apis/core/validation validateContainers. */
export function validateContainers(spec: PodSpec, path: string, home: PodSpecHome): readonly FieldError[] {
  if (spec.containers.length === 0) return [required(path)]
  return [
    ...spec.containers.flatMap((container, index) => [
      ...validateContainer(container, spec, `${path}[${index}]`, home),
      ...duplicateName(spec.containers, index, path),
      ...validateProbes(container, `${path}[${index}]`),
      ...validateLifecycle(container.lifecycle, `${path}[${index}].lifecycle`),
      ...validateRestart(container, `${path}[${index}]`),
    ]),
    ...duplicateHostPorts(spec.containers, path),
  ]
}

/** An init container runs to its end before the next, unless its restartPolicy is Always (a sidecar). */
export function validateInitContainers(spec: PodSpec, path: string, home: PodSpecHome): readonly FieldError[] {
  const containers = spec.initContainers ?? []
  const taken = new Set(spec.containers.map(({ name }) => name))
  return containers.flatMap((container, index) => {
    const at = `${path}[${index}]`
    const isSidecar = container.restartPolicy === 'Always'
    return [
      ...validateContainer(container, spec, at, home),
      ...(taken.has(container.name) ? [duplicate(`${at}.name`, container.name)] : duplicateName(containers, index, path)),
      ...validateRestart(container, at),
      ...(isSidecar
        ? [...validateProbes(container, at), ...validateLifecycle(container.lifecycle, `${at}.lifecycle`)]
        : (['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const)
            .filter((field) => container[field] !== undefined)
            .map((field) => forbiddenField(`${at}.${field}`, 'may not be set for init containers without restartPolicy=Always'))),
    ]
  })
}

const RULES_MAX = 20
const EXIT_CODES_MAX = 255

/** Source: Kubernetes pkg/apis/core/validation validateContainerRestartPolicy. */
function validateRestart({ restartPolicy, restartPolicyRules: rules = [] }: Container, path: string): readonly FieldError[] {
  const at = `${path}.restartPolicyRules`
  return [
    ...(restartPolicy === undefined ? [] : oneOf(`${path}.restartPolicy`, restartPolicy, ['Always', 'Never', 'OnFailure'])),
    ...(rules.length > 0 && restartPolicy === undefined
      ? [required(`${path}.restartPolicy`, 'must specify restartPolicy when restart rules are used')]
      : []),
    ...(rules.length > RULES_MAX ? [tooMany(at, rules.length, RULES_MAX)] : []),
    ...rules.flatMap(({ action, exitCodes }, index) => [
      ...oneOf(`${at}[${index}].action`, action, ['Restart', 'RestartAllContainers']),
      ...(exitCodes === undefined
        ? [required(`${at}[${index}].exitCodes`)]
        : [
            ...(['In', 'NotIn'].includes(exitCodes.operator)
              ? []
              : [notSupported(`${at}[${index}].exitCodes.operator`, exitCodes.operator ?? '', ['In', 'NotIn'])]),
            ...((exitCodes.values?.length ?? 0) > EXIT_CODES_MAX
              ? [tooMany(`${at}[${index}].exitCodes.values`, exitCodes.values!.length, EXIT_CODES_MAX)]
              : []),
          ]),
    ]),
  ]
}

/** What holds for containers of every sort. */
export function validateContainer(container: Container, spec: PodSpec, path: string, home: PodSpecHome): readonly FieldError[] {
  const { name, image } = container
  return [
    ...(name ? check(`${path}.name`, name, dnsLabel) : [required(`${path}.name`)]),
    ...validateImage(image, `${path}.image`),
    ...oneOf(`${path}.terminationMessagePolicy`, container.terminationMessagePolicy, ['File', 'FallbackToLogsOnError']),
    ...validatePorts(container.ports ?? [], `${path}.ports`),
    ...(spec.hostNetwork ? hostNetworkPorts(container.ports ?? [], `${path}.ports`, home) : []),
    ...validateEnvironment(container, path),
    ...validateMounts(container, spec, `${path}.volumeMounts`),
    ...oneOf(`${path}.imagePullPolicy`, container.imagePullPolicy, ['Always', 'IfNotPresent', 'Never']),
    ...validateResources(container.resources ?? {}, `${path}.resources`),
    ...validateResizePolicy(container, spec, `${path}.resizePolicy`),
    ...validateSecurity(container, `${path}.securityContext`),
  ]
}

function validateImage(image: string | undefined, path: string): readonly FieldError[] {
  if (!image) return [required(path)]
  return image.trim() === image ? [] : [invalidValue(path, image, 'must not have leading or trailing whitespace')]
}

const duplicateName = (containers: readonly Container[], index: number, path: string): readonly FieldError[] => {
  const { name } = containers[index]!
  return containers.findIndex((other) => other.name === name) < index ? [duplicate(`${path}[${index}].name`, name)] : []
}

function validatePorts(ports: readonly ContainerPort[], path: string): readonly FieldError[] {
  const names = new Set<string>()
  return ports.flatMap(({ name, containerPort, hostPort, protocol }, index) => {
    const at = `${path}[${index}]`
    const errors: FieldError[] = name ? [...check(`${at}.name`, name, portName)] : []
    if (name && errors.length === 0 && names.has(name)) errors.push(duplicate(`${at}.name`, name))
    if (name) names.add(name)
    return [
      ...errors,
      ...(containerPort ? check(`${at}.containerPort`, containerPort, portNumber) : [required(`${at}.containerPort`)]),
      ...(hostPort ? check(`${at}.hostPort`, hostPort, portNumber) : []),
      ...oneOf(`${at}.protocol`, protocol, ['TCP', 'UDP', 'SCTP']),
    ]
  })
}

/** With the node's own network there is no mapping: both numbers are one. Templates may leave the host port open. */
const hostNetworkPorts = (ports: readonly ContainerPort[], path: string, home: PodSpecHome): readonly FieldError[] =>
  ports.flatMap(({ containerPort, hostPort = 0 }, index) =>
    (home === 'pod' || hostPort !== 0) && hostPort !== containerPort
      ? [invalidValue(`${path}[${index}].hostPort`, hostPort, 'must match `containerPort` when `hostNetwork` is true')]
      : [],
  )

function duplicateHostPorts(containers: readonly Container[], path: string): readonly FieldError[] {
  const taken = new Set<string>()
  return containers.flatMap(({ ports = [] }, container) =>
    ports.flatMap(({ protocol, hostIP = '', hostPort }, index) => {
      if (!hostPort) return []
      const claim = `${protocol}/${hostIP}/${hostPort}`
      if (taken.has(claim)) return [duplicate(`${path}[${container}].ports[${index}].hostPort`, claim)]
      taken.add(claim)
      return []
    }),
  )
}

function validateMounts(container: Container, { volumes = [] }: PodSpec, path: string): readonly FieldError[] {
  const mounts = container.volumeMounts ?? []
  return mounts.flatMap((mount, index) => {
    const at = `${path}[${index}]`
    const errors: FieldError[] = []
    if (!mount.name) errors.push(required(`${at}.name`))
    if (!volumes.some(({ name }) => name === mount.name)) errors.push(notFoundField(`${at}.name`, mount.name ?? ''))
    if (!mount.mountPath) errors.push(required(`${at}.mountPath`))
    if (mounts.findIndex(({ mountPath }) => mountPath === mount.mountPath) < index)
      errors.push(invalidValue(`${at}.mountPath`, mount.mountPath, 'must be unique'))
    return [...errors, ...validateSubPath(mount, at), ...validatePropagation(mount, container, at)]
  })
}

function validateSubPath({ subPath, subPathExpr }: VolumeMount, path: string): readonly FieldError[] {
  return [
    ...(subPath ? check(`${path}.subPath`, subPath, descendingPath) : []),
    ...(subPathExpr ? check(`${path}.subPathExpr`, subPathExpr, descendingPath) : []),
    ...(subPath && subPathExpr ? [invalidValue(`${path}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive')] : []),
  ]
}

/** Source: Kubernetes pkg/apis/core/validation validateResizePolicy. */
function validateResizePolicy({ resizePolicy: policies = [] }: Container, spec: PodSpec, path: string): readonly FieldError[] {
  return policies.flatMap(({ resourceName = '', restartPolicy = '' }, index) => [
    ...(policies.findIndex((other) => other.resourceName === resourceName) < index ? [duplicate(`${path}[${index}]`, resourceName)] : []),
    ...oneOf(path, resourceName, ['cpu', 'memory']),
    ...oneOf(path, restartPolicy, ['NotRequired', 'RestartContainer']),
    ...(spec.restartPolicy === 'Never' && restartPolicy !== 'NotRequired'
      ? [invalidValue(path, restartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'")]
      : []),
  ])
}

function validatePropagation({ mountPropagation }: VolumeMount, { securityContext }: Container, path: string): readonly FieldError[] {
  if (mountPropagation === undefined) return []
  const at = `${path}.mountPropagation`
  if (mountPropagation === 'Bidirectional' && !securityContext?.privileged)
    return [forbiddenField(at, 'Bidirectional mount propagation is available only to privileged containers')]
  return oneOf(at, mountPropagation, ['Bidirectional', 'HostToContainer', 'None'])
}

function validateSecurity({ securityContext }: Container, path: string): readonly FieldError[] {
  if (securityContext === undefined) return []
  const { runAsUser, runAsGroup, privileged, allowPrivilegeEscalation, capabilities } = securityContext
  const errors: FieldError[] = [
    ...(runAsUser === undefined ? [] : check(`${path}.runAsUser`, runAsUser, notNegativeInt32)),
    ...(runAsGroup === undefined ? [] : check(`${path}.runAsGroup`, runAsGroup, notNegativeInt32)),
  ]
  if (allowPrivilegeEscalation === false && privileged)
    errors.push(invalidValue(path, securityContext, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'))
  if (allowPrivilegeEscalation === false && capabilities?.add?.includes('CAP_SYS_ADMIN'))
    errors.push(invalidValue(path, securityContext, 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN'))
  return errors
}
