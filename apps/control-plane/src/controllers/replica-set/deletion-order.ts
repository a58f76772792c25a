import { conditionOf } from '@bramble/api/conditions'
import { isPodReady, type Pod } from '@bramble/api/types/pod'

const PHASE: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 }
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost'

/**
 * Which of two pods goes first when there are too many: the one whose loss hurts least.
 *
 * @param neighbours Pods of the same application per node: the more, the rather one of them goes.
 * @see Source: Kubernetes ReplicaSet concepts, "Scaling a ReplicaSet", and ActivePodsWithRanks.
 */
export const deletionOrder =
  (neighbours: ReadonlyMap<string, number>) =>
  (a: Pod, b: Pod): number =>
    Number(a.spec.nodeName !== undefined) - Number(b.spec.nodeName !== undefined) ||
    phase(a) - phase(b) ||
    Number(isPodReady(a)) - Number(isPodReady(b)) ||
    cost(a) - cost(b) ||
    crowd(b, neighbours) - crowd(a, neighbours) ||
    compare(readySince(b), readySince(a)) ||
    restarts(b) - restarts(a) ||
    compare(b.metadata.creationTimestamp, a.metadata.creationTimestamp) ||
    compare(b.metadata.name, a.metadata.name)

const phase = (pod: Pod): number => PHASE[pod.status?.phase ?? 'Pending'] ?? 2
const crowd = (pod: Pod, neighbours: ReadonlyMap<string, number>): number => neighbours.get(pod.spec.nodeName ?? '') ?? 0
const restarts = (pod: Pod): number => Math.max(0, ...(pod.status?.containerStatuses ?? []).map((status) => status.restartCount))
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function readySince(pod: Pod): string {
  const ready = conditionOf(pod.status?.conditions, 'Ready')
  return ready?.status === 'True' ? (ready.lastTransitionTime ?? '') : ''
}

function cost(pod: Pod): number {
  const text = pod.metadata.annotations?.[DELETION_COST] ?? '0'
  return /^-?\d+$/.test(text) ? Number(text) : 0
}
