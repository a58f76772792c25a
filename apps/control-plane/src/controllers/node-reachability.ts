import { conditionOf } from '@bramble/api/conditions'
import type { Node } from '@bramble/api/types/node'

/** A node that is silent for longer is not waited for; shorter outages are Kubernetes' ordinary "not ready". */
const AWAY_AFTER_MS = 60_000

/**
 * Whether nothing is heard from a node now, or its object is gone. "Offline" is not "unwell": a node that says itself
 * that it is not ready can still be told what to do.
 */
export const isOffline = (node: Node | undefined): boolean =>
  node === undefined || conditionOf(node.status?.conditions, 'Ready')?.status === 'Unknown'

/** How long until an offline node counts as away, milliseconds: 0 when it does, undefined when it is online. */
export function awayInMs(node: Node, nowMs: number): number | undefined {
  const ready = conditionOf(node.status?.conditions, 'Ready')
  if (ready?.status !== 'Unknown') return undefined
  const sinceMs = Date.parse(ready.lastTransitionTime ?? '')
  return Number.isNaN(sinceMs) ? 0 : Math.max(0, sinceMs + AWAY_AFTER_MS - nowMs)
}

/** Rollouts neither wait for such a node nor count it; it is caught up when it returns. */
export const isAway = (node: Node, nowMs: number): boolean => awayInMs(node, nowMs) === 0
