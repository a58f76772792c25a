import { invalidValue, notSupported, required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { CronJob, CronJobSpec } from '@bramble/api/types/batch'
import { validateJobSpec } from '../job-spec/validate.ts'
import { oneOf } from '../rules.ts'
import { notNegativeFields } from '../workload.ts'
import { scheduleFault } from './schedule.ts'

/** A Job is named after its CronJob and the minute: `-` and ten digits. */
const NAME_CHARACTERS_MAX = 63 - 11

/** Source: Kubernetes pkg/apis/batch/validation ValidateCronJobCreate, ValidateCronJobUpdate. */
export function validateCronJob({ metadata, spec }: CronJob, previous: CronJob | undefined): readonly FieldError[] {
  return [
    ...validateSchedule(spec, previous?.spec),
    ...notNegativeFields(spec, 'startingDeadlineSeconds'),
    ...(spec.timeZone === undefined || previous?.spec.timeZone === spec.timeZone ? [] : validateTimeZone(spec.timeZone, 'spec.timeZone')),
    ...oneOf('spec.concurrencyPolicy', spec.concurrencyPolicy, ['Allow', 'Forbid', 'Replace']),
    ...validateJobTemplate(spec),
    ...notNegativeFields(spec, 'successfulJobsHistoryLimit', 'failedJobsHistoryLimit'),
    ...(previous === undefined && (metadata.name ?? '').length > NAME_CHARACTERS_MAX
      ? [invalidValue('metadata.name', metadata.name, `must be no more than ${NAME_CHARACTERS_MAX} characters`)]
      : []),
  ]
}

function validateSchedule({ schedule, timeZone }: CronJobSpec, before: CronJobSpec | undefined): readonly FieldError[] {
  const path = 'spec.schedule'
  if (!schedule) return [required(path)]
  const fault = scheduleFault(schedule)
  const errors = fault === undefined ? [] : [invalidValue(path, schedule, fault)]
  if (!schedule.includes('TZ')) return errors
  if (!before?.schedule?.includes('TZ'))
    return [...errors, invalidValue(path, schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead')]
  return timeZone === undefined
    ? errors
    : [...errors, invalidValue(path, schedule, 'cannot use both timeZone field and TZ or CRON_TZ in schedule')]
}

/** A name of the IANA database, as one of its files could be called. */
const ZONE_PART = /^[A-Za-z._0-9+][A-Za-z.\-_0-9+]{0,13}$/

function validateTimeZone(timeZone: string, path: string): readonly FieldError[] {
  if (timeZone === '') return [invalidValue(path, timeZone, 'timeZone must be nil or non-empty string')]
  const unknown = invalidValue(path, timeZone, `unknown time zone ${timeZone}`)
  if (timeZone.split('/').some((part) => part === '.' || part === '..' || !ZONE_PART.test(part))) return [unknown]
  if (timeZone.toLowerCase() === 'local')
    return [invalidValue(path, timeZone, 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones')]
  return isTimeZone(timeZone) ? [] : [unknown]
}

function isTimeZone(name: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: name }))
  } catch {
    return false
  }
}

function validateJobTemplate({ jobTemplate }: CronJobSpec): readonly FieldError[] {
  const path = 'spec.jobTemplate.spec'
  const { selector, manualSelector } = jobTemplate.spec
  return [
    ...validateJobSpec(jobTemplate.spec, path),
    ...(selector === undefined ? [] : [invalidValue(`${path}.selector`, selector, '`selector` will be auto-generated')]),
    ...(manualSelector ? [notSupported(`${path}.manualSelector`, manualSelector, ['nil', 'false'])] : []),
  ]
}
