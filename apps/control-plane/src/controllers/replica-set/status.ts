import { withCondition } from '@bramble/api/conditions'
import type { Timestamp } from '@bramble/api/object'
import { isPodReady, type Pod } from '@bramble/api/types/pod'
import type { ReplicaSet, WorkloadCondition } from '@bramble/api/types/workload'
import { isActive, isAvailable } from '../pod-availability.ts'

export interface Failure {
  readonly reason: 'FailedCreate' | 'FailedDelete'
  readonly message: string
}

/** What people and the Deployment read. Pure: the same pods, the same status. Source: apps/v1 ReplicaSetStatus. */
export function replicaSetStatus(
  set: ReplicaSet,
  pods: readonly Pod[],
  failure: Failure | undefined,
  now: Timestamp,
): NonNullable<ReplicaSet['status']> {
  const nowMs = Date.parse(now)
  const active = pods.filter(isActive)
  const labels = Object.entries(set.spec.template.metadata?.labels ?? {})
  const fullyLabeled = active.filter((pod) => labels.every(([key, value]) => pod.metadata.labels?.[key] === value)).length
  const ready = active.filter(isPodReady).length
  const available = active.filter((pod) => isAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)).length
  const conditions = conditionsWith(set.status?.conditions ?? [], failure, now)
  return {
    replicas: active.length,
    ...(fullyLabeled > 0 && { fullyLabeledReplicas: fullyLabeled }),
    ...(ready > 0 && { readyReplicas: ready }),
    ...(available > 0 && { availableReplicas: available }),
    observedGeneration: set.metadata.generation ?? 0,
    ...(conditions.length > 0 && { conditions }),
  }
}

function conditionsWith(before: WorkloadCondition[], failure: Failure | undefined, now: Timestamp): WorkloadCondition[] {
  if (!failure) return before.filter(({ type }) => type !== 'ReplicaFailure')
  return [...withCondition(before, { type: 'ReplicaFailure', status: 'True', ...failure }, now)]
}
