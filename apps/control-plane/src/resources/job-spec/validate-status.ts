import { isConditionTrue } from '@bramble/api/conditions'
import { invalidValue, invalidWhole, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { Job, JobStatus } from '@bramble/api/types/batch'
import { isSame } from '../differences.ts'
import { check, notNegative } from '../rules.ts'
import { indexesFault } from './indexes.ts'

const COUNTS = ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const

/** Source: Kubernetes pkg/apis/batch/validation ValidateJobStatusUpdate: what was there already is not looked at again. */
export function validateJobStatus(job: Job, previous: Job | undefined): readonly FieldError[] {
  const { status } = job
  if (!status) return []
  const before = previous?.status ?? {}
  return [
    ...COUNTS.flatMap((field) => (status[field] === undefined ? [] : check(`status.${field}`, status[field], notNegative))),
    ...(previous === undefined || isSame(before, status)
      ? []
      : [...validateConditions(status, before), ...validateTimes(job, before), ...validateIndexes(job, before), ...validateEnd(status)]),
  ]
}

const CONDITIONS = 'status.conditions'
const has = ({ conditions }: JobStatus, type: string): boolean => isConditionTrue(conditions, type)
const isFinished = (status: JobStatus): boolean => has(status, 'Complete') || has(status, 'Failed')

function validateConditions(status: JobStatus, before: JobStatus): readonly FieldError[] {
  const errors: FieldError[] = []
  const refuse = (why: string): void => {
    errors.push(invalidWhole(CONDITIONS, why))
  }
  if (has(status, 'Complete') && has(status, 'Failed')) refuse('cannot set Complete=True and Failed=true conditions')
  if (has(status, 'Complete') && has(status, 'FailureTarget')) refuse('cannot set Complete=True and FailureTarget=true conditions')
  if (has(status, 'Failed') && !has(before, 'Failed') && !has(status, 'FailureTarget'))
    refuse('cannot set Failed=True condition without the FailureTarget=true condition')
  if (has(status, 'Complete') && !has(before, 'Complete') && !has(status, 'SuccessCriteriaMet'))
    refuse('cannot set Complete=True condition without the SuccessCriteriaMet=true condition')
  if (has(status, 'SuccessCriteriaMet') && has(status, 'Failed')) refuse('cannot set SuccessCriteriaMet=True and Failed=true conditions')
  for (const type of ['Failed', 'Complete', 'FailureTarget'])
    if (has(before, type) && !has(status, type)) refuse(`cannot disable the terminal ${type}=True condition`)
  if (has(before, 'SuccessCriteriaMet') && !has(status, 'SuccessCriteriaMet'))
    refuse('cannot disable the SuccessCriteriaMet=True condition')
  return errors
}

function validateTimes({ spec, status = {} }: Job, before: JobStatus): readonly FieldError[] {
  const { startTime, completionTime } = status
  const errors: FieldError[] = []
  const path = 'status.completionTime'
  if (completionTime && !has(status, 'Complete'))
    errors.push(invalidValue(path, completionTime, 'cannot set completionTime when there is no Complete=True condition'))
  if (!completionTime && has(status, 'Complete')) errors.push(required(path, 'completionTime is required for Complete jobs'))
  if (startTime && completionTime && Date.parse(completionTime) < Date.parse(startTime))
    errors.push(invalidValue(path, completionTime, 'must be equal to or after `startTime`'))
  if (completionTime && before.completionTime && completionTime !== before.completionTime)
    errors.push(invalidValue(path, completionTime, 'field is immutable'))
  if (before.startTime && startTime !== before.startTime && !spec.suspend)
    errors.push(required('status.startTime', 'startTime cannot be removed for unsuspended job'))
  return errors
}

function validateIndexes({ spec, status = {} }: Job, before: JobStatus): readonly FieldError[] {
  const { completedIndexes = '', failedIndexes } = status
  const { completions } = spec
  const errors: FieldError[] = []
  if (completedIndexes !== '' && spec.completionMode !== 'Indexed')
    errors.push(
      invalidValue('status.completedIndexes', completedIndexes, 'cannot set non-empty completedIndexes when non-indexed completion mode'),
    )
  if (failedIndexes !== undefined && spec.backoffLimitPerIndex === undefined)
    errors.push(invalidValue('status.failedIndexes', failedIndexes, 'cannot set non-null failedIndexes when backoffLimitPerIndex is null'))
  for (const field of ['completedIndexes', 'failedIndexes'] as const) {
    const fault = completions === undefined || status[field] === before[field] ? undefined : indexesFault(status[field] ?? '', completions)
    if (fault !== undefined) errors.push(invalidValue(`status.${field}`, status[field], `error parsing ${field}: ${fault}`))
  }
  for (const field of ['failed', 'succeeded'] as const)
    if ((status[field] ?? 0) < (before[field] ?? 0) && (field === 'failed' || spec.completionMode !== 'Indexed'))
      errors.push(invalidValue(`status.${field}`, status[field] ?? 0, `cannot decrease the ${field} counter`))
  return errors
}

function validateEnd(status: JobStatus): readonly FieldError[] {
  const { active = 0, ready, terminating = 0, startTime } = status
  const errors: FieldError[] = []
  if (ready !== undefined && ready > active) errors.push(invalidValue('status.ready', ready, 'cannot set more ready pods than active'))
  if (!isFinished(status)) return errors
  if (active > 0) errors.push(invalidValue('status.active', active, 'active>0 is invalid for finished job'))
  if (terminating > 0) errors.push(invalidValue('status.terminating', terminating, 'terminating>0 is invalid for finished job'))
  if (!startTime) errors.push(required('status.startTime', 'startTime is required for finished job'))
  return errors
}
