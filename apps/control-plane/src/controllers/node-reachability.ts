import { conditionOf } from '@bramble/api/conditions'
import type { Node } from '@bramble/api/types/node'

export const UNREACHABLE_TAINT = 'node.kubernetes.io/unreachable'

/**
 * Whether a node is away: its object is gone, or it was known and is not heard from. "Away" is not "unwell": a node that
 * says itself that it is not ready can still be told what to do.
 */
export const isOffline = (node: Node | undefined): boolean =>
  node === undefined || conditionOf(node.status?.conditions, 'Ready')?.status === 'Unknown' ||
  (node.spec.taints ?? []).some(({ key }) => key === UNREACHABLE_TAINT)
