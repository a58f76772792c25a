import type { KubeObject } from '@bramble/api/object'
import type { Job, JobSpec } from '@bramble/api/types/batch'
import { applyTemplateDefaults } from '../pod-spec/defaults.ts'

const INT32_MAX = 2 ** 31 - 1
const BACKOFF_LIMIT = 6

/** Labels that tie a pod to its Job; each has an old name without prefix. */
export const JOB_NAME_LABEL = 'batch.kubernetes.io/job-name'
export const CONTROLLER_UID_LABEL = 'batch.kubernetes.io/controller-uid'
const OLD_JOB_NAME_LABEL = 'job-name'
const OLD_CONTROLLER_UID_LABEL = 'controller-uid'

/** Source: Kubernetes pkg/apis/batch/v1 SetDefaults_Job. */
export function applyJobDefaults({ metadata, spec }: Job): void {
  applyJobTemplateDefaults(spec)
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1
  spec.parallelism ??= 1
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? BACKOFF_LIMIT : INT32_MAX
  const labels = spec.template.metadata?.labels
  if (labels && Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels }
  spec.completionMode ??= 'NonIndexed'
  spec.suspend ??= false
  spec.manualSelector ??= false
  spec.podReplacementPolicy ??= spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed'
}

/** What holds for the Job inside a CronJob as well: the rest is filled in when it becomes a Job. */
export function applyJobTemplateDefaults(spec: JobSpec): void {
  applyTemplateDefaults(spec)
  for (const rule of spec.podFailurePolicy?.rules ?? []) for (const pattern of rule.onPodConditions ?? []) pattern.status ||= 'True'
}

/** What ties pods to the Job, under the names of today and of yesterday. */
export const jobLabels = ({ metadata: { uid = '', name = '' } }: KubeObject): Record<string, string> => ({
  [OLD_CONTROLLER_UID_LABEL]: uid,
  [OLD_JOB_NAME_LABEL]: name,
  [CONTROLLER_UID_LABEL]: uid,
  [JOB_NAME_LABEL]: name,
})

/**
 * A Job selects its own pods and no others: by its uid, unless the author takes care of that.
 * @see Source: Kubernetes pkg/registry/batch/job strategy.go generateSelector.
 */
export function generateSelector(job: Job): void {
  if (job.spec.manualSelector) return
  job.spec.template ??= { spec: { containers: [] } }
  const { template } = job.spec
  const labels = jobLabels(job)
  template.metadata = { ...template.metadata, labels: { ...labels, ...template.metadata?.labels } }
  const selector = job.spec.selector ?? {}
  job.spec.selector = selector
  if (selector.matchLabels?.[CONTROLLER_UID_LABEL] === undefined)
    selector.matchLabels = { ...selector.matchLabels, [CONTROLLER_UID_LABEL]: job.metadata.uid ?? '' }
}
