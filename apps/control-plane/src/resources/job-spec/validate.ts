import { invalidValue, notSupported, required, tooLong } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import { matchesRequirements, requirementsOf } from '@bramble/api/labels'
import type { Job, JobSpec } from '@bramble/api/types/batch'
import { nameProblems } from '../../api/names.ts'
import { domainPrefixedPath } from '../name-rules.ts'
import { check, notNegative, oneOf } from '../rules.ts'
import { validateSelector } from '../selector.ts'
import { validatePodTemplate } from '../workload.ts'
import { jobLabels } from './defaults.ts'
import { validateFailurePolicy, validateSuccessPolicy } from './validate-policies.ts'

/** Source: Kubernetes pkg/apis/batch/validation ValidateJob. */
export const validateJob = (job: Job, isUpdate: boolean): readonly FieldError[] => [
  ...(isUpdate ? [] : validateGenerated(job)),
  ...validateJobSpec(job.spec, 'spec'),
  ...validateSelection(job.spec),
  ...(isUpdate ? [] : validateHostnames(job)),
]

/** The selector and the labels that the server made have not been spoiled by what the author wrote. */
function validateGenerated(job: Job): readonly FieldError[] {
  const { manualSelector, selector, template } = job.spec
  if (manualSelector || selector === undefined) return []
  const expected = jobLabels(job)
  const labels = template.metadata?.labels ?? {}
  return [
    ...(job.metadata.uid ? [] : [required('metadata.uid')]),
    ...Object.entries(expected).flatMap(([key, value]) => {
      const path = `spec.template.metadata.labels[${key}]`
      if (labels[key] === undefined) return [required(path, `must be '${value}'`)]
      return labels[key] === value ? [] : [invalidValue(path, labels, `must be '${value}'`)]
    }),
    ...(matchesRequirements(expected, requirementsOf(selector))
      ? []
      : [invalidValue('spec.selector', selector, '`selector` not auto-generated')]),
  ]
}

function validateSelection({ selector, template }: JobSpec): readonly FieldError[] {
  const labels = template.metadata?.labels
  const matches = selector !== undefined && matchesRequirements(labels, requirementsOf(selector))
  return [
    ...(selector === undefined ? [required('spec.selector')] : validateSelector(selector, 'spec.selector')),
    ...(matches ? [] : [invalidValue('spec.template.metadata.labels', labels ?? {}, '`selector` does not match template `labels`')]),
  ]
}

/** Pods of an indexed Job are named after it and their index; both must be a host name. */
function validateHostnames({ metadata: { name = '' }, spec: { completionMode, completions = 0 } }: Job): readonly FieldError[] {
  if (completionMode !== 'Indexed' || completions <= 0) return []
  const longest = `${name}-${completions - 1}`
  return nameProblems('label', longest).length === 0
    ? []
    : [invalidValue('metadata.name', name, `will not able to create pod with invalid DNS label: ${longest}`)]
}

const COUNTS = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
] as const
const MANAGER_BYTES_MAX = 63

/**
 * All but the selector, which Jobs made by a CronJob get later.
 * @see Source: Kubernetes pkg/apis/batch/validation validateJobSpec.
 */
export function validateJobSpec(spec: JobSpec, path: string): readonly FieldError[] {
  const { managedBy } = spec
  return [
    ...COUNTS.flatMap((field) => (spec[field] === undefined ? [] : check(`${path}.${field}`, spec[field], notNegative))),
    ...(spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined
      ? [required(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified')]
      : []),
    ...(managedBy === undefined ? [] : domainPrefixedPath(`${path}.managedBy`, managedBy)),
    ...((managedBy?.length ?? 0) > MANAGER_BYTES_MAX ? [tooLong(`${path}.managedBy`, MANAGER_BYTES_MAX)] : []),
    ...validateMode(spec, path),
    ...(spec.podFailurePolicy ? validateFailurePolicy(spec, `${path}.podFailurePolicy`) : []),
    ...(spec.successPolicy ? validateSuccessPolicy(spec, `${path}.successPolicy`) : []),
    ...validateReplacement(spec, `${path}.podReplacementPolicy`),
    ...validatePodTemplate(spec.template, `${path}.template`),
    ...validateRestart(spec, `${path}.template.spec.restartPolicy`),
  ]
}

const PARALLEL_MAX = 100_000
const MANY = 100_000
const PARALLEL_OF_MANY_MAX = 10_000
const FAILED_MAX = 100_000
const FAILED_OF_MANY_MAX = 10_000
const OF_MANY = `when completions are above ${MANY} and used with backoff limit per index`

function validateMode(spec: JobSpec, path: string): readonly FieldError[] {
  const { completionMode: mode, completions, parallelism = 0, maxFailedIndexes: failed, backoffLimitPerIndex } = spec
  const wrong = (field: keyof JobSpec, why: string): FieldError => invalidValue(`${path}.${field}`, spec[field], why)
  const errors: FieldError[] = []
  if (mode === undefined || mode === 'NonIndexed') {
    if (backoffLimitPerIndex !== undefined) errors.push(wrong('backoffLimitPerIndex', 'requires indexed completion mode'))
    if (failed !== undefined) errors.push(wrong('maxFailedIndexes', 'requires indexed completion mode'))
    return errors
  }
  if (mode !== 'Indexed') return [notSupported(`${path}.completionMode`, mode, ['Indexed', 'NonIndexed'])]
  if (completions === undefined) errors.push(required(`${path}.completions`, 'when completion mode is Indexed'))
  if (parallelism > PARALLEL_MAX)
    errors.push(wrong('parallelism', `must be less than or equal to ${PARALLEL_MAX} when completion mode is Indexed`))
  if (failed !== undefined && completions !== undefined && failed > completions)
    errors.push(wrong('maxFailedIndexes', 'must be less than or equal to completions'))
  if (failed !== undefined && failed > FAILED_MAX) errors.push(wrong('maxFailedIndexes', `must be less than or equal to ${FAILED_MAX}`))
  if (completions === undefined || completions <= MANY || backoffLimitPerIndex === undefined) return errors
  if (failed === undefined) errors.push(required(`${path}.maxFailedIndexes`, `must be specified when completions is above ${MANY}`))
  if (parallelism > PARALLEL_OF_MANY_MAX)
    errors.push(wrong('parallelism', `must be less than or equal to ${PARALLEL_OF_MANY_MAX} ${OF_MANY}`))
  if (failed !== undefined && failed > FAILED_OF_MANY_MAX)
    errors.push(wrong('maxFailedIndexes', `must be less than or equal to ${FAILED_OF_MANY_MAX} ${OF_MANY}`))
  return errors
}

function validateReplacement({ podReplacementPolicy: policy, podFailurePolicy }: JobSpec, path: string): readonly FieldError[] {
  if (policy === undefined) return []
  const supported = podFailurePolicy ? ['Failed'] : ['Failed', 'TerminatingOrFailed']
  return supported.includes(policy) ? [] : [notSupported(path, policy, supported)]
}

function validateRestart({ template, podFailurePolicy }: JobSpec, path: string): readonly FieldError[] {
  const { restartPolicy: policy } = template.spec
  if (!policy || policy === 'Always') return [required(path, 'valid values: "OnFailure", "Never"')]
  const errors = oneOf(path, policy, ['Never', 'OnFailure'])
  return errors.length === 0 && podFailurePolicy && policy !== 'Never'
    ? [invalidValue(path, policy, 'only "Never" is supported when podFailurePolicy is specified')]
    : errors
}
