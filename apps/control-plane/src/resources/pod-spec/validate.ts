import { forbiddenField, invalidValue, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { PodSpec } from '@bramble/api/types/pod'
import { validateLabels } from '../../api/metadata.ts'
import { ipAddress } from '../ip-address.ts'
import { check, dnsLabel, dnsSubdomain, notNegativeInt32, oneOf, positiveInt32, qualifiedName } from '../rules.ts'
import type { PodSpecRest } from './pod-spec-rest.ts'
import { validateContainers, validateInitContainers } from './validate-containers.ts'
import { validateEphemeralContainers } from './validate-ephemeral.ts'
import { validateAffinity, validateSpread, validateTolerations } from './validate-scheduling.ts'
import { validateVolumes } from './validate-volumes.ts'

/** Whether the spec stands in a pod or in a template: templates may leave host ports to their pods. */
export type PodSpecHome = 'pod' | 'template'

/**
 * What is wrong with a pod spec to which defaults have been applied.
 * @see Source: Kubernetes pkg/apis/core/validation ValidatePodSpec.
 */
export function validatePodSpec(spec: PodSpec & PodSpecRest, path: string, home: PodSpecHome): readonly FieldError[] {
  return [
    ...validateVolumes(spec, `${path}.volumes`),
    ...validateContainers(spec, `${path}.containers`, home),
    ...validateInitContainers(spec, `${path}.initContainers`, home),
    ...oneOf(`${path}.restartPolicy`, spec.restartPolicy, ['Always', 'OnFailure', 'Never']),
    ...oneOf(`${path}.dnsPolicy`, spec.dnsPolicy, ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']),
    ...validateLabels(spec.nodeSelector, `${path}.nodeSelector`),
    ...validateSecurity(spec, `${path}.securityContext`),
    ...(spec.imagePullSecrets ?? []).flatMap(({ name }, index) => (name ? [] : [required(`${path}.imagePullSecrets[${index}].name`)])),
    ...validateAffinity(spec.affinity, `${path}.affinity`),
    ...validateDnsConfig(spec, `${path}.dnsConfig`),
    ...(spec.readinessGates ?? []).flatMap(({ conditionType }, index) =>
      check(`${path}.readinessGates[${index}].conditionType`, conditionType ?? '', qualifiedName),
    ),
    ...validateSpread(spec.topologySpreadConstraints, `${path}.topologySpreadConstraints`),
    ...validateNames(spec, path),
    ...(spec.activeDeadlineSeconds === undefined ? [] : check(`${path}.activeDeadlineSeconds`, spec.activeDeadlineSeconds, positiveInt32)),
    ...validateTolerations(spec.tolerations, `${path}.tolerations`),
    ...validateHostAliases(spec.hostAliases, `${path}.hostAliases`),
    ...(home === 'template' && spec.ephemeralContainers?.length
      ? [forbiddenField(`${path}.ephemeralContainers`, 'ephemeral containers not allowed in pod template')]
      : validateEphemeralContainers(spec, `${path}.ephemeralContainers`)),
  ]
}

function validateNames(spec: PodSpec & PodSpecRest, path: string): readonly FieldError[] {
  const named = (field: keyof PodSpec | keyof PodSpecRest, rule: typeof dnsLabel): readonly FieldError[] => {
    const value = spec[field]
    return typeof value === 'string' && value !== '' ? check(`${path}.${field}`, value, rule) : []
  }
  return [
    ...named('serviceAccountName', dnsSubdomain),
    ...named('nodeName', dnsSubdomain),
    ...named('hostname', dnsLabel),
    ...named('subdomain', dnsLabel),
    ...named('priorityClassName', dnsSubdomain),
    ...named('runtimeClassName', dnsSubdomain),
  ]
}

function validateSecurity({ securityContext }: PodSpec, path: string): readonly FieldError[] {
  const id = (field: 'runAsUser' | 'runAsGroup' | 'fsGroup'): readonly FieldError[] => {
    const value = securityContext?.[field]
    return value === undefined ? [] : check(`${path}.${field}`, value, notNegativeInt32)
  }
  return [
    ...id('runAsUser'),
    ...id('runAsGroup'),
    ...id('fsGroup'),
    ...(securityContext?.supplementalGroups ?? []).flatMap((group, index) =>
      check(`${path}.supplementalGroups[${index}]`, group, notNegativeInt32),
    ),
    ...(securityContext?.sysctls ?? []).flatMap(({ name }, index) => (name ? [] : [required(`${path}.sysctls[${index}].name`)])),
  ]
}

const NAMESERVERS_MAX = 3
const SEARCHES_MAX = 32

function validateDnsConfig({ dnsPolicy, dnsConfig }: PodSpec & PodSpecRest, path: string): readonly FieldError[] {
  const { nameservers = [], searches = [], options = [] } = dnsConfig ?? {}
  const errors: FieldError[] = []
  if (dnsPolicy === 'None' && dnsConfig === undefined) errors.push(required(path, 'must provide `dnsConfig` when `dnsPolicy` is None'))
  else if (dnsPolicy === 'None' && nameservers.length === 0)
    errors.push(required(`${path}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None'))
  if (nameservers.length > NAMESERVERS_MAX)
    errors.push(invalidValue(`${path}.nameservers`, nameservers, `must not have more than ${NAMESERVERS_MAX} nameservers`))
  if (searches.length > SEARCHES_MAX)
    errors.push(invalidValue(`${path}.searches`, searches, `must not have more than ${SEARCHES_MAX} search paths`))
  return [
    ...errors,
    ...nameservers.flatMap((address, index) => check(`${path}.nameservers[${index}]`, address, ipAddress)),
    ...options.flatMap(({ name }, index) => (name ? [] : [required(`${path}.options[${index}]`, 'must not be empty')])),
  ]
}

const validateHostAliases = (aliases: PodSpec['hostAliases'], path: string): readonly FieldError[] =>
  (aliases ?? []).flatMap(({ ip, hostnames }, index) => [
    ...check(`${path}[${index}].ip`, ip ?? '', ipAddress),
    ...(hostnames ?? []).flatMap((hostname) => check(`${path}[${index}].hostnames`, hostname, dnsSubdomain)),
  ])
