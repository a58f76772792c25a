import { conditionOf, withCondition } from '@bramble/api/conditions'
import type { Timestamp } from '@bramble/api/object'
import type { Node, NodeCondition, Taint } from '@bramble/api/types/node'
import { isPodReady, type Pod, type PodCondition } from '@bramble/api/types/pod'

export const NOT_READY_TAINT = 'node.kubernetes.io/not-ready'
export const UNREACHABLE_TAINT = 'node.kubernetes.io/unreachable'
const UNSCHEDULABLE_TAINT = 'node.kubernetes.io/unschedulable'

/** Taints that mirror a condition. Source: kubernetes.io "Taints and Tolerations", "Taint based Evictions". */
const PRESSURE: Readonly<Record<string, string>> = {
  MemoryPressure: 'node.kubernetes.io/memory-pressure',
  DiskPressure: 'node.kubernetes.io/disk-pressure',
  PIDPressure: 'node.kubernetes.io/pid-pressure',
  NetworkUnavailable: 'node.kubernetes.io/network-unavailable',
}
const OWN_TAINTS: ReadonlySet<string> = new Set([NOT_READY_TAINT, UNREACHABLE_TAINT, UNSCHEDULABLE_TAINT, ...Object.values(PRESSURE)])
/** What only the node itself can know. */
const REPORTED = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure']

/**
 * The conditions of a node that has been silent for too long: unknown is what the node would have to say itself.
 * The same array when they say so already.
 */
export function silentConditions({ status }: Node, now: Timestamp): readonly NodeCondition[] {
  const before = status?.conditions ?? []
  const unknown = (type: string): NodeCondition =>
    conditionOf(before, type) === undefined
      ? { type, status: 'Unknown', reason: 'NodeStatusNeverUpdated', message: 'The node agent never posted node status.' }
      : { type, status: 'Unknown', reason: 'NodeStatusUnknown', message: 'The node agent stopped posting node status.' }
  return REPORTED.filter((type) => type === 'Ready' || conditionOf(before, type))
    .filter((type) => conditionOf(before, type)?.status !== 'Unknown') // e.g. the link was lost: that reason says more
    .reduce<readonly NodeCondition[]>((conditions, type) => withCondition(conditions, unknown(type), now), before)
}

/** The taints that a node must have: everyone else's as they are, ours as its conditions say. */
export function plannedTaints(node: Node, now: Timestamp): readonly Taint[] {
  const before = node.spec.taints ?? []
  const wanted = wantedTaints(node)
  const added = wanted.filter((taint) => !before.some((each) => isSame(each, taint)))
  return [
    ...before.filter((taint) => !OWN_TAINTS.has(taint.key) || wanted.some((each) => isSame(each, taint))),
    ...added.map((taint) => (taint.effect === 'NoExecute' ? { ...taint, timeAdded: now } : taint)),
  ]
}

/** A node that never said anything gets no new pods; only one that fell silent or unwell loses those it has. */
function wantedTaints({ spec, status }: Node): readonly Taint[] {
  const ready = conditionOf(status?.conditions, 'Ready')?.status
  const key = ready === 'Unknown' ? UNREACHABLE_TAINT : NOT_READY_TAINT
  const pressure = Object.entries(PRESSURE).filter(([type]) => conditionOf(status?.conditions, type)?.status === 'True')
  return [
    ...(ready === 'True' ? [] : [{ key, effect: 'NoSchedule' } as const]),
    ...(ready === 'True' || ready === undefined ? [] : [{ key, effect: 'NoExecute' } as const]),
    ...(spec.unschedulable ? [{ key: UNSCHEDULABLE_TAINT, effect: 'NoSchedule' } as const] : []),
    ...pressure.map(([, each]) => ({ key: each, effect: 'NoSchedule' }) as const),
  ]
}

const isSame = (a: Taint, b: Taint): boolean => a.key === b.key && a.effect === b.effect

export const isReady = (node: Node): boolean => conditionOf(node.status?.conditions, 'Ready')?.status === 'True'

const WITHDRAWN: PodCondition = { type: 'Ready', status: 'False', reason: 'NodeNotReady', message: 'The node is not ready.' }

/** The conditions of a pod whose node is not ready; undefined when they need no change. Endpoints follow this at once. */
export const withdrawnConditions = (pod: Pod, now: Timestamp): readonly PodCondition[] | undefined =>
  isPodReady(pod) ? withCondition(pod.status?.conditions, WITHDRAWN, now) : undefined

/**
 * The conditions of a pod that we withdrew although its node never said that anything was wrong with it; undefined when
 * the node has spoken since.
 */
export function restoredConditions({ status }: Pod, now: Timestamp): readonly PodCondition[] | undefined {
  const isOurs = conditionOf(status?.conditions, 'Ready')?.reason === WITHDRAWN.reason
  if (!isOurs || conditionOf(status?.conditions, 'ContainersReady')?.status !== 'True') return undefined
  const others = (status?.conditions ?? []).map((each) => (each.type === 'Ready' ? { type: each.type, status: each.status } : each))
  return withCondition<PodCondition>(others, { type: 'Ready', status: 'True' }, now)
}
