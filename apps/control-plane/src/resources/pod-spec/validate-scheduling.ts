import { invalidValue, notSupported, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { Affinity, NodeSelectorRequirement, NodeSelectorTerm, PodSpec, TaintEffect, Toleration } from '@bramble/api/types/pod'
import { operatorErrors, validateSelector } from '../selector.ts'
import { check, labelValue, qualifiedName } from '../rules.ts'
import type { PodAffinity, PodAffinityTerm, SpreadConstraint } from './pod-spec-rest.ts'

const EFFECTS: readonly TaintEffect[] = ['NoSchedule', 'PreferNoSchedule', 'NoExecute']

/** An unset effect means all of them where `optional`. */
export function validateEffect(effect: string | undefined, path: string, optional: boolean): readonly FieldError[] {
  if (!effect) return optional ? [] : [required(path)]
  return (EFFECTS as readonly string[]).includes(effect) ? [] : [notSupported(path, effect, EFFECTS)]
}

/** Source: Kubernetes pkg/apis/core/validation ValidateTolerations. */
export const validateTolerations = (tolerations: readonly Toleration[] | undefined, path: string): readonly FieldError[] =>
  (tolerations ?? []).flatMap((toleration, index) => validateToleration(toleration, `${path}[${index}]`))

function validateToleration(toleration: Toleration, path: string): readonly FieldError[] {
  const { key, operator, value = '', effect, tolerationSeconds } = toleration
  const errors: FieldError[] = key ? [...check(`${path}.key`, key, qualifiedName)] : []
  if (!key && operator !== 'Exists')
    errors.push(
      invalidValue(
        `${path}.operator`,
        operator ?? '',
        'operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ),
    )
  if (tolerationSeconds !== undefined && effect !== 'NoExecute')
    errors.push(invalidValue(`${path}.effect`, effect ?? '', "effect must be 'NoExecute' when `tolerationSeconds` is set"))
  if (!operator || operator === 'Equal') errors.push(...check(`${path}.operator`, value, labelValue))
  else if (operator !== 'Exists') errors.push(notSupported(`${path}.operator`, operator, ['Equal', 'Exists']))
  else if (value !== '') errors.push(invalidValue(`${path}.operator`, toleration, "value must be empty when `operator` is 'Exists'"))
  return [...errors, ...validateEffect(effect, `${path}.effect`, true)]
}

export function validateAffinity(affinity: Affinity | undefined, path: string): readonly FieldError[] {
  if (affinity === undefined) return []
  const node = affinity.nodeAffinity
  const required = node?.requiredDuringSchedulingIgnoredDuringExecution
  const nodePath = `${path}.nodeAffinity`
  return [
    ...(required
      ? validateTerms(required.nodeSelectorTerms, `${nodePath}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms`)
      : []),
    ...(node?.preferredDuringSchedulingIgnoredDuringExecution ?? []).flatMap(({ weight, preference }, index) => {
      const preferredPath = `${nodePath}.preferredDuringSchedulingIgnoredDuringExecution[${index}]`
      return [...validateWeight(weight, `${preferredPath}.weight`), ...validateTerm(preference ?? {}, `${preferredPath}.preference`)]
    }),
    ...validatePodAffinity(affinity.podAffinity as PodAffinity | undefined, `${path}.podAffinity`),
    ...validatePodAffinity(affinity.podAntiAffinity as PodAffinity | undefined, `${path}.podAntiAffinity`),
  ]
}

export function validateTerms(terms: readonly NodeSelectorTerm[] | undefined, path: string): readonly FieldError[] {
  if (!terms?.length) return [required(path, 'must have at least one node selector term')]
  return terms.flatMap((term, index) => validateTerm(term, `${path}[${index}]`))
}

const validateTerm = ({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, path: string): readonly FieldError[] => [
  ...matchExpressions.flatMap((one, index) => validateRequirement(one, `${path}.matchExpressions[${index}]`)),
  ...matchFields.flatMap((one, index) => validateFieldRequirement(one, `${path}.matchFields[${index}]`)),
]

/** Source: Kubernetes pkg/apis/core/validation ValidateNodeSelectorRequirement. */
function validateRequirement({ key, operator, values = [] }: NodeSelectorRequirement, path: string): readonly FieldError[] {
  const isComparison = operator === 'Gt' || operator === 'Lt'
  const wrongValues = isComparison
    ? values.length === 1
      ? []
      : [required(`${path}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'")]
    : operatorErrors(operator, values, path)
  return [...wrongValues, ...check(`${path}.key`, key ?? '', qualifiedName)]
}

function validateFieldRequirement({ key, operator, values = [] }: NodeSelectorRequirement, path: string): readonly FieldError[] {
  const errors: FieldError[] = []
  if (operator !== 'In' && operator !== 'NotIn')
    errors.push(invalidValue(`${path}.operator`, operator ?? '', 'not a valid selector operator'))
  else if (values.length !== 1)
    errors.push(required(`${path}.values`, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"))
  if (key !== 'metadata.name') errors.push(invalidValue(`${path}.key`, key ?? '', 'not a valid field selector key'))
  return errors
}

const validateWeight = (weight: number | undefined, path: string): readonly FieldError[] =>
  weight !== undefined && weight >= 1 && weight <= 100 ? [] : [invalidValue(path, weight ?? 0, 'must be in the range 1-100')]

function validatePodAffinity(affinity: PodAffinity | undefined, path: string): readonly FieldError[] {
  return [
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).flatMap((term, index) =>
      validateAffinityTerm(term, `${path}.requiredDuringSchedulingIgnoredDuringExecution[${index}]`),
    ),
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).flatMap(({ weight, podAffinityTerm }, index) => {
      const preferredPath = `${path}.preferredDuringSchedulingIgnoredDuringExecution[${index}]`
      return [
        ...validateWeight(weight, `${preferredPath}.weight`),
        ...validateAffinityTerm(podAffinityTerm ?? {}, `${preferredPath}.podAffinityTerm`),
      ]
    }),
  ]
}

const validateAffinityTerm = ({ topologyKey, labelSelector }: PodAffinityTerm, path: string): readonly FieldError[] => [
  ...validateSelector(labelSelector, `${path}.labelSelector`),
  ...(topologyKey ? check(`${path}.topologyKey`, topologyKey, qualifiedName) : [required(`${path}.topologyKey`, 'can not be empty')]),
]

export const validateSpread = (constraints: PodSpec['topologySpreadConstraints'], path: string): readonly FieldError[] =>
  ((constraints ?? []) as readonly SpreadConstraint[]).flatMap(({ maxSkew = 0, topologyKey, whenUnsatisfiable }, index) => {
    const errors: FieldError[] = []
    if (maxSkew <= 0) errors.push(invalidValue(`${path}[${index}].maxSkew`, maxSkew, 'must be greater than zero'))
    if (!topologyKey) errors.push(required(`${path}[${index}].topologyKey`, 'can not be empty'))
    if (whenUnsatisfiable !== 'DoNotSchedule' && whenUnsatisfiable !== 'ScheduleAnyway')
      errors.push(notSupported(`${path}[${index}].whenUnsatisfiable`, whenUnsatisfiable ?? '', ['DoNotSchedule', 'ScheduleAnyway']))
    return errors
  })
