import type { Pod } from '@bramble/api/types/pod'
import type { ReplicaSet } from '@bramble/api/types/workload'
import { isActive } from '../pod-availability.ts'
import { deletionOrder } from './deletion-order.ts'

export interface ReplicaSetPlan {
  /** How many pods to make. */
  readonly create: number
  readonly remove: readonly Pod[]
}

/**
 * How many pods must appear, and which must go, so that `set` has as many as it wants.
 *
 * Pure and total. `pods` are those owned by the set, in any state; ended and leaving ones do not count, as in
 * Kubernetes: a pod that leaves slowly, or on a node that is away, is replaced at once.
 *
 * @param relatives Pods of the same application (all sets of one Deployment), to spread what stays.
 * @param changesMax At most so many creations and deletions per call.
 */
export function planReplicaSet(set: ReplicaSet, pods: readonly Pod[], relatives: readonly Pod[], changesMax: number): ReplicaSetPlan {
  const active = pods.filter(isActive)
  const wanted = set.spec.replicas ?? 1
  if (active.length <= wanted) return { create: Math.min(wanted - active.length, changesMax), remove: [] }
  const order = deletionOrder(countByNode(relatives.filter(isActive)))
  return { create: 0, remove: active.sort(order).slice(0, Math.min(active.length - wanted, changesMax)) }
}

function countByNode(pods: readonly Pod[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const {
    spec: { nodeName },
  } of pods)
    if (nodeName !== undefined) counts.set(nodeName, (counts.get(nodeName) ?? 0) + 1)
  return counts
}
