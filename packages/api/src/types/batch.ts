import type { Condition } from '../conditions.ts'
import type { LabelSelector } from '../labels.ts'
import type { KubeObject, ObjectMeta, Timestamp } from '../object.ts'
import type { ObjectReference } from './service.ts'
import type { PodTemplateSpec } from './workload.ts'

// Source: Kubernetes 1.36 API, batch/v1.

export interface Job extends KubeObject {
  spec: JobSpec
  status?: JobStatus
}

export type CompletionMode = 'NonIndexed' | 'Indexed'

export interface JobSpec {
  parallelism?: number
  completions?: number
  activeDeadlineSeconds?: number
  backoffLimit?: number
  backoffLimitPerIndex?: number
  maxFailedIndexes?: number
  ttlSecondsAfterFinished?: number
  completionMode?: CompletionMode
  suspend?: boolean
  manualSelector?: boolean
  selector?: LabelSelector
  template: PodTemplateSpec
  podFailurePolicy?: { rules?: PodFailureRule[] }
  successPolicy?: { rules?: JobSuccessRule[] }
  podReplacementPolicy?: 'Failed' | 'TerminatingOrFailed'
  managedBy?: string
}

export interface PodFailureRule {
  action: 'Count' | 'FailIndex' | 'FailJob' | 'Ignore'
  onExitCodes?: { containerName?: string; operator: 'In' | 'NotIn'; values?: number[] }
  onPodConditions?: { type: string; status?: string }[]
}

export interface JobSuccessRule {
  /** Indexes and ranges of them: `1,3-5`. */
  succeededIndexes?: string
  succeededCount?: number
}

export interface JobCondition extends Condition {
  lastProbeTime?: Timestamp
}

export interface JobStatus {
  conditions?: JobCondition[]
  startTime?: Timestamp
  completionTime?: Timestamp
  active?: number
  ready?: number
  terminating?: number
  succeeded?: number
  failed?: number
  completedIndexes?: string
  failedIndexes?: string
  uncountedTerminatedPods?: { succeeded?: string[]; failed?: string[] }
}

export interface CronJob extends KubeObject {
  spec: CronJobSpec
  status?: { active?: ObjectReference[]; lastScheduleTime?: Timestamp; lastSuccessfulTime?: Timestamp }
}

export interface CronJobSpec {
  /** Five fields, or `@daily` and the like. */
  schedule: string
  /** IANA name; absent, the time zone of the control plane. */
  timeZone?: string
  startingDeadlineSeconds?: number
  concurrencyPolicy?: 'Allow' | 'Forbid' | 'Replace'
  suspend?: boolean
  successfulJobsHistoryLimit?: number
  failedJobsHistoryLimit?: number
  jobTemplate: { metadata?: Partial<ObjectMeta>; spec: JobSpec }
}
