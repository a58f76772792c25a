import { isConditionTrue } from '@bramble/api/conditions'
import { humanDuration } from '@bramble/api/duration'
import type { Job } from '@bramble/api/types/batch'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, containerColumns, nameColumn, selectorText } from './columns.ts'
import { applyJobDefaults, generateSelector } from './job-spec/defaults.ts'
import { validateJobStatus } from './job-spec/validate-status.ts'
import { validateJobUpdate } from './job-spec/validate-update.ts'
import { validateJob } from './job-spec/validate.ts'
import { templateWarnings } from './workload.ts'

export const jobs: ResourceDefinition<Job> = {
  group: 'batch',
  version: 'v1',
  kind: 'Job',
  plural: 'jobs',
  categories: ['all'],
  scope: 'Namespaced',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.batch.v1.Job' },
  columns: [
    nameColumn,
    { name: 'Status', type: 'string', value: statusText },
    { name: 'Completions', type: 'string', value: completionsText },
    { name: 'Duration', type: 'string', value: durationText },
    ageColumn,
    ...containerColumns<Job>(({ spec }) => spec.template.spec.containers),
    { name: 'Selector', type: 'string', priority: 1, value: ({ spec }) => selectorText(spec.selector) },
  ],
  subresources: { status: true },
  fields: ({ status }) => ({ 'status.successful': String(status?.succeeded ?? 0) }),
  prepare: (draft, previous) => {
    if (!previous) generateSelector(draft)
  },
  applyDefaults: applyJobDefaults,
  validate: (job, previous) => [
    ...validateJob(job, previous !== undefined),
    ...(previous ? validateJobUpdate(job, previous) : []),
    ...validateJobStatus(job, previous),
  ],
  warnings: (job, previous) => [
    ...((job.spec.completions ?? 0) > MANY && (job.spec.parallelism ?? 0) > MANY_AT_ONCE && job.spec.completionMode === 'Indexed'
      ? [TOO_MANY]
      : []),
    ...templateWarnings(job, previous),
    ...(previous ? [] : ['no controller of this cluster runs Jobs yet: it is stored, and no pod is made']),
  ],
}

const MANY = 100_000
const MANY_AT_ONCE = 10_000
const TOO_MANY =
  'In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail'

/** Conditions that are shown, the first that is true; a Job that is being deleted comes after those that ended. */
const ENDS = ['Complete', 'Failed']
const STATES = ['Suspended', 'FailureTarget', 'SuccessCriteriaMet']

/** Source: Kubernetes pkg/printers/internalversion printJob. */
function statusText({ metadata, status }: Job): string {
  const first = (types: readonly string[]): string | undefined => types.find((type) => isConditionTrue(status?.conditions, type))
  return first(ENDS) ?? (metadata.deletionTimestamp ? 'Terminating' : (first(STATES) ?? 'Running'))
}

function completionsText({ spec: { completions, parallelism = 0 }, status }: Job): string {
  const done = status?.succeeded ?? 0
  if (completions !== undefined) return `${done}/${completions}`
  return parallelism > 1 ? `${done}/1 of ${parallelism}` : `${done}/1`
}

function durationText({ status }: Job, nowMs: number): string {
  if (!status?.startTime) return ''
  return humanDuration((status.completionTime ? Date.parse(status.completionTime) : nowMs) - Date.parse(status.startTime))
}
