import { quantityValue } from '@bramble/api/quantity'
import { quantityText } from '@bramble/api/quantity-text'
import type { KubeObject, ObjectMeta } from '@bramble/api/object'
import type { Container, ContainerPort, EnvVar, NodeSelectorTerm, PodSpec, ResourceList } from '@bramble/api/types/pod'
import type { PodTemplateSpec } from '@bramble/api/types/workload'
import { dnsLabel } from '../rules.ts'
import type { SpreadConstraint } from './pod-spec-rest.ts'

/**
 * What is allowed in a pod and hardly ever meant. `path` is that of what holds metadata and spec, with its dot: ''
 * for a pod, `spec.template.` for the template of a workload.
 * @see Source: Kubernetes pkg/api/pod/warnings.go.
 */
export function podWarnings({ metadata = {}, spec }: PodTemplateSpec, path: string): readonly string[] {
  const at = `${path}spec`
  const containers = containersOf(spec, at)
  return [
    ...nodeLabelWarnings(spec, at),
    ...annotationWarnings(metadata, `${path}metadata`),
    ...volumeWarnings(spec, `${at}.volumes`),
    ...repeated(spec.hostAliases, ({ ip }) => ip).map(([index, ip]) => `${at}.hostAliases[${index}].ip: duplicate ip ${quoted(ip)}`),
    ...repeated(spec.imagePullSecrets, ({ name = '' }) => name).map(
      ([index, name]) => `${at}.imagePullSecrets[${index}].name: duplicate name ${quoted(name)}`,
    ),
    ...fractionWarnings(spec.overhead, `${at}.overhead`),
    ...containers.flatMap(([container, where]) => [
      ...fractionWarnings(container.resources?.limits, `${where}.resources.limits`),
      ...fractionWarnings(container.resources?.requests, `${where}.resources.requests`),
      ...variableWarnings(container.env ?? [], `${where}.env`),
    ]),
    ...portWarnings(containers),
    ...((spec.terminationGracePeriodSeconds ?? 0) < 0
      ? [`${at}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`]
      : []),
  ]
}

/** Pods get host names from the name of their owner. */
export const nameWarnings = ({ metadata }: KubeObject, use = 'in Pod names and hostnames'): readonly string[] => {
  const faults = dnsLabel(metadata.name)
  if (faults.length === 0) return []
  return [`metadata.name: this is used ${use}, which can result in surprising behavior; a DNS label is recommended: [${faults.join(' ')}]`]
}

const quoted = (text: string): string => JSON.stringify(text)

const containersOf = (spec: PodSpec, at: string): readonly (readonly [Container, string])[] =>
  (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((kind) =>
    (spec[kind] ?? []).map((container, index) => [container, `${at}.${kind}[${index}]`] as const),
  )

/** Index and key of every element whose key an earlier one has. */
function repeated<T>(list: readonly T[] | undefined, keyOf: (element: T) => string): readonly (readonly [number, string])[] {
  const keys = (list ?? []).map(keyOf)
  return keys.flatMap((key, index) => (keys.indexOf(key) < index ? [[index, key] as const] : []))
}

const OLD_LABELS: ReadonlyMap<string, string> = new Map([
  ['beta.kubernetes.io/arch', 'deprecated since v1.14; use "kubernetes.io/arch" instead'],
  ['beta.kubernetes.io/os', 'deprecated since v1.14; use "kubernetes.io/os" instead'],
  ['failure-domain.beta.kubernetes.io/region', 'deprecated since v1.17; use "topology.kubernetes.io/region" instead'],
  ['failure-domain.beta.kubernetes.io/zone', 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead'],
  ['beta.kubernetes.io/instance-type', 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead'],
])

function nodeLabelWarnings(spec: PodSpec, at: string): readonly string[] {
  const affinity = spec.affinity?.nodeAffinity
  const inTerm = ({ matchExpressions = [] }: NodeSelectorTerm, path: string): readonly string[] =>
    matchExpressions.flatMap(({ key }, index) =>
      OLD_LABELS.has(key) ? [`${path}.matchExpressions[${index}].key: ${key} is ${OLD_LABELS.get(key)}`] : [],
    )
  const path = `${at}.affinity.nodeAffinity`
  return [
    ...Object.keys(spec.nodeSelector ?? {}).flatMap((key) =>
      OLD_LABELS.has(key) ? [`${at}.nodeSelector[${key}]: ${OLD_LABELS.get(key)}`] : [],
    ),
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []).flatMap((term, index) =>
      inTerm(term, `${path}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[${index}]`),
    ),
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).flatMap(({ preference = {} }, index) =>
      inTerm(preference, `${path}.preferredDuringSchedulingIgnoredDuringExecution[${index}].preference`),
    ),
    ...((spec.topologySpreadConstraints ?? []) as readonly (SpreadConstraint & { labelSelector?: unknown })[]).flatMap(
      ({ topologyKey = '', labelSelector }, index) => [
        ...(OLD_LABELS.has(topologyKey)
          ? [`${at}.topologySpreadConstraints[${index}].topologyKey: ${topologyKey} is ${OLD_LABELS.get(topologyKey)}`]
          : []),
        ...(labelSelector === undefined
          ? [`${at}.topologySpreadConstraints[${index}].labelSelector: a null labelSelector results in matching no pod`]
          : []),
      ],
    ),
  ]
}

const OLD_ANNOTATIONS: readonly (readonly [string, string])[] = [
  ['scheduler.alpha.kubernetes.io/critical-pod', 'non-functional in v1.16+; use the "priorityClassName" field instead'],
  ['security.alpha.kubernetes.io/sysctls', 'non-functional in v1.11+; use the "sysctls" field instead'],
  ['security.alpha.kubernetes.io/unsafe-sysctls', 'non-functional in v1.11+; use the "sysctls" field instead'],
  ['seccomp.security.alpha.kubernetes.io/pod', 'non-functional in v1.27+; use the "seccompProfile" field instead'],
]

const annotationWarnings = ({ annotations = {} }: Partial<ObjectMeta>, at: string): readonly string[] =>
  OLD_ANNOTATIONS.filter(([key]) => Object.hasOwn(annotations, key)).map(([key, message]) => `${at}.annotations[${key}]: ${message}`)

const OLD_VOLUMES: ReadonlyMap<string, string> = new Map([
  ['photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  ['gitRepo', 'deprecated in v1.11'],
  ['scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['flocker', 'deprecated in v1.22, non-functional in v1.25+'],
  ['storageos', 'deprecated in v1.22, non-functional in v1.25+'],
  ['quobyte', 'deprecated in v1.22, non-functional in v1.25+'],
  ['glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  ['cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  ['rbd', 'deprecated in v1.28, non-functional in v1.31+'],
])

const volumeWarnings = ({ volumes = [] }: PodSpec, at: string): readonly string[] =>
  volumes.flatMap((volume, index) =>
    Object.keys(volume)
      .filter((type) => OLD_VOLUMES.has(type))
      .map((type) => `${at}[${index}].${type}: ${OLD_VOLUMES.get(type)}`),
  )

/** Half a byte cannot be given. */
export const fractionWarnings = (list: ResourceList = {}, at: string, names = ['memory', 'ephemeral-storage']): readonly string[] =>
  names
    .filter((name) => !Number.isInteger(quantityValue(list[name] ?? 0)))
    .map((name) => `${at}[${name}]: fractional byte value ${quoted(quantityText(list[name]))} is invalid, must be an integer`)

/** A name that comes again is fine where its value builds on the one before: `PATH=$(PATH):/opt`. */
function variableWarnings(variables: readonly EnvVar[], at: string): readonly string[] {
  return repeated(variables, ({ name }) => name)
    .filter(([index, name]) => {
      const { value = '', valueFrom } = variables[index]!
      return valueFrom !== undefined || value === `$(${name})` || !value.includes(`$(${name})`)
    })
    .map(([index, name]) => `${at}[${index}]: hides previous definition of ${quoted(name)}, which may be dropped when using apply`)
}

function portWarnings(containers: readonly (readonly [Container, string])[]): readonly string[] {
  const ports = containers.flatMap(([container, where]) =>
    (container.ports ?? []).map((port, index) => ({ port, at: `${where}.ports[${index}]` })),
  )
  return ports.flatMap(({ port, at }, index) =>
    ports
      .slice(0, index)
      .filter((other) => other.port.containerPort === port.containerPort && other.port.protocol === port.protocol)
      .flatMap((other) => {
        const how = overlap(port, other.port)
        return how === undefined ? [] : [`${at}: ${how} port definition with ${other.at}`]
      }),
  )
}

function overlap(port: ContainerPort, other: ContainerPort): string | undefined {
  const [hostPort, otherPort, hostIp, otherIp] = [port.hostPort ?? 0, other.hostPort ?? 0, port.hostIP ?? '', other.hostIP ?? '']
  if (hostIp === otherIp && hostPort === otherPort) return 'duplicate'
  if (hostPort === 0 || otherPort === 0) return 'overlapping'
  return hostPort === otherPort && (hostIp === '') !== (otherIp === '') ? 'dangerously ambiguous' : undefined
}
