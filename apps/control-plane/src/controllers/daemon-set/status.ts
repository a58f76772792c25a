import { withCondition } from '@bramble/api/conditions'
import { timestamp } from '@bramble/api/duration'
import type { Node } from '@bramble/api/types/node'
import { isPodReady, type Pod } from '@bramble/api/types/pod'
import type { DaemonSet, WorkloadCondition } from '@bramble/api/types/workload'
import { isAway } from '../node-reachability.ts'
import { isAvailable } from '../pod-availability.ts'
import { REVISION_HASH } from '../revision-history.ts'
import { eligibility } from './eligible.ts'
import { targetNode } from './pod-for-node.ts'

const NAMES_SHOWN_MAX = 10

/**
 * What `kubectl get ds` and `rollout status` read. Pure.
 *
 * A node that is away is not desired: an offline Pi does not hang `rollout status` for the others. The condition
 * AllNodesReachable says which ones are left for later.
 * @see Source: apps/v1 DaemonSetStatus.
 */
export function daemonSetStatus(
  set: DaemonSet,
  nodes: readonly Node[],
  pods: readonly Pod[],
  hash: string,
  nowMs: number,
): NonNullable<DaemonSet['status']> {
  const byNode = Map.groupBy(pods, targetNode)
  const away: string[] = []
  const count = { desired: 0, current: 0, misscheduled: 0, ready: 0, available: 0, updated: 0 }
  for (const node of nodes) {
    const [oldest] = [...(byNode.get(node.metadata.name) ?? [])].sort(oldestFirst)
    const { run } = eligibility(set, node)
    if (run && isAway(node, nowMs)) {
      away.push(node.metadata.name)
      continue
    }
    if (!run) {
      if (oldest) count.misscheduled++
      continue
    }
    count.desired++
    if (!oldest) continue
    count.current++
    if (isPodReady(oldest)) count.ready++
    if (isAvailable(oldest, set.spec.minReadySeconds ?? 0, nowMs)) count.available++
    if (oldest.metadata.labels?.[REVISION_HASH] === hash) count.updated++
  }
  const conditions = withReachability(set.status?.conditions ?? [], away.sort(), nowMs)
  const { collisionCount } = set.status ?? {}
  return {
    currentNumberScheduled: count.current,
    numberMisscheduled: count.misscheduled,
    desiredNumberScheduled: count.desired,
    numberReady: count.ready,
    observedGeneration: set.metadata.generation ?? 0,
    ...(count.updated > 0 && { updatedNumberScheduled: count.updated }),
    ...(count.available > 0 && { numberAvailable: count.available }),
    ...(count.desired > count.available && { numberUnavailable: count.desired - count.available }),
    ...(collisionCount !== undefined && { collisionCount }),
    ...(conditions.length > 0 && { conditions }),
  }
}

function withReachability(before: WorkloadCondition[], away: readonly string[], nowMs: number): WorkloadCondition[] {
  if (away.length === 0) return before.filter(({ type }) => type !== 'AllNodesReachable')
  const names =
    away.slice(0, NAMES_SHOWN_MAX).join(', ') + (away.length > NAMES_SHOWN_MAX ? ` and ${away.length - NAMES_SHOWN_MAX} more` : '')
  const message = `${away.length} ${away.length === 1 ? 'node is' : 'nodes are'} offline and will be caught up on return: ${names}`
  return [...withCondition(before, { type: 'AllNodesReachable', status: 'False', reason: 'NodesOffline', message }, timestamp(nowMs))]
}

/** Leaving pods last, as the one that stays is what people ask about. */
const oldestFirst = (a: Pod, b: Pod): number =>
  Number(a.metadata.deletionTimestamp !== undefined) - Number(b.metadata.deletionTimestamp !== undefined) ||
  compare(a.metadata.creationTimestamp, b.metadata.creationTimestamp) ||
  compare(a.metadata.name, b.metadata.name)

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
