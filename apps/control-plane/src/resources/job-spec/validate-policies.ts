import { duplicate, invalidValue, invalidWhole, notSupported, required, tooLong, tooMany } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { JobSpec, JobSuccessRule, PodFailureRule } from '@bramble/api/types/batch'
import { check, notNegative, qualifiedName } from '../rules.ts'
import { countIndexes, indexesFault } from './indexes.ts'

const RULES_MAX = 20
const EXIT_CODES_MAX = 255
const PATTERNS_MAX = 20
const INDEXES_BYTES_MAX = 64 * 1024

const ACTIONS = ['Count', 'FailIndex', 'FailJob', 'Ignore']
const STATUSES = ['False', 'True', 'Unknown']

const tooManyOf = (path: string, count: number, max: number): readonly FieldError[] => (count > max ? [tooMany(path, count, max)] : [])

/** A missing word of a closed list: Go prints the list like this. */
const validValues = (words: readonly string[]): string => `valid values: [${words.map((word) => JSON.stringify(word)).join(' ')}]`

/** Source: Kubernetes pkg/apis/batch/validation validatePodFailurePolicy. */
export function validateFailurePolicy(spec: JobSpec, path: string): readonly FieldError[] {
  const rules = spec.podFailurePolicy?.rules ?? []
  return [
    ...tooManyOf(`${path}.rules`, rules.length, RULES_MAX),
    ...rules.flatMap((rule, index) => validateRule(spec, rule, `${path}.rules[${index}]`)),
  ]
}

function validateRule(spec: JobSpec, { action, onExitCodes, onPodConditions = [] }: PodFailureRule, path: string): readonly FieldError[] {
  const errors: FieldError[] = []
  if (!action) errors.push(required(`${path}.action`, validValues(ACTIONS)))
  else if (!ACTIONS.includes(action)) errors.push(notSupported(`${path}.action`, action, ACTIONS))
  else if (action === 'FailIndex' && spec.backoffLimitPerIndex === undefined)
    errors.push(invalidValue(`${path}.action`, action, 'requires the backoffLimitPerIndex to be set'))
  if (onExitCodes) errors.push(...validateExitCodes(spec, onExitCodes, `${path}.onExitCodes`))
  errors.push(...tooManyOf(`${path}.onPodConditions`, onPodConditions.length, PATTERNS_MAX))
  for (const [index, { type, status }] of onPodConditions.entries()) {
    const at = `${path}.onPodConditions[${index}]`
    errors.push(...check(`${at}.type`, type ?? '', qualifiedName))
    if (!status) errors.push(required(`${at}.status`, validValues(STATUSES)))
    else if (!STATUSES.includes(status)) errors.push(notSupported(`${at}.status`, status, STATUSES))
  }
  if (onExitCodes && onPodConditions.length > 0)
    errors.push(invalidWhole(path, 'specifying both OnExitCodes and OnPodConditions is not supported'))
  if (!onExitCodes && onPodConditions.length === 0)
    errors.push(invalidWhole(path, 'specifying one of OnExitCodes and OnPodConditions is required'))
  return errors
}

function validateExitCodes(
  { template }: JobSpec,
  { containerName, operator, values = [] }: NonNullable<PodFailureRule['onExitCodes']>,
  path: string,
): readonly FieldError[] {
  const names = [...template.spec.containers, ...(template.spec.initContainers ?? [])].map(({ name }) => name)
  const errors: FieldError[] = []
  if (!operator) errors.push(required(`${path}.operator`, validValues(['In', 'NotIn'])))
  else if (operator !== 'In' && operator !== 'NotIn') errors.push(notSupported(`${path}.operator`, operator, ['In', 'NotIn']))
  if (containerName !== undefined && !names.includes(containerName))
    errors.push(
      invalidValue(`${path}.containerName`, containerName, 'must be one of the container or initContainer names in the pod template'),
    )
  if (values.length === 0) errors.push(invalidValue(`${path}.values`, values, 'at least one value is required'))
  errors.push(...tooManyOf(`${path}.values`, values.length, EXIT_CODES_MAX))
  for (const [index, value] of values.entries()) {
    if (operator === 'In' && value === 0) errors.push(invalidValue(`${path}.values[${index}]`, value, 'must not be 0 for the In operator'))
    if (values.indexOf(value) < index) errors.push(duplicate(`${path}.values[${index}]`, value))
  }
  if (values.some((value, index) => index > 0 && values[index - 1]! > value))
    errors.push(invalidValue(`${path}.values`, values, 'must be ordered'))
  return errors
}

/** Source: Kubernetes pkg/apis/batch/validation validateSuccessPolicy. */
export function validateSuccessPolicy(spec: JobSpec, path: string): readonly FieldError[] {
  if (spec.completionMode !== 'Indexed') return [invalidValue(path, spec.successPolicy, 'requires indexed completion mode')]
  const rules = spec.successPolicy?.rules ?? []
  return [
    ...(rules.length === 0
      ? [required(`${path}.rules`, 'at least one rules must be specified when the successPolicy is specified')]
      : tooManyOf(`${path}.rules`, rules.length, RULES_MAX)),
    ...rules.flatMap((rule, index) => validateSuccess(rule, spec.completions ?? 0, `${path}.rules[${index}]`)),
  ]
}

function validateSuccess(
  { succeededIndexes: indexes, succeededCount: count }: JobSuccessRule,
  completions: number,
  path: string,
): readonly FieldError[] {
  if (indexes === undefined && count === undefined)
    return [required(path, 'at least one of succeededCount or succeededIndexes must be specified')]
  const errors: FieldError[] = []
  const fault = indexes === undefined ? undefined : indexesFault(indexes, completions)
  if (indexes !== undefined && indexes.length > INDEXES_BYTES_MAX) errors.push(tooLong(`${path}.succeededIndexes`, INDEXES_BYTES_MAX))
  if (fault !== undefined) errors.push(invalidValue(`${path}.succeededIndexes`, indexes, `error parsing succeededIndexes: ${fault}`))
  if (count === undefined) return errors
  const at = `${path}.succeededCount`
  const named = indexes === undefined || fault !== undefined ? 0 : countIndexes(indexes, completions)
  errors.push(...check(at, count, notNegative))
  if (count > completions)
    errors.push(invalidValue(at, count, `must be less than or equal to ${completions} (the number of specified completions)`))
  if (indexes !== undefined && count > named)
    errors.push(
      invalidValue(at, count, `must be less than or equal to ${named} (the number of indexes in the specified succeededIndexes field)`),
    )
  return errors
}
