import { selects } from '@bramble/api/labels'
import type { AgentUpgrade } from '@bramble/api/types/agent-upgrade'
import type { Node } from '@bramble/api/types/node'

/** No selector selects every node, as an empty one does. */
export const isSelected = ({ spec }: AgentUpgrade, node: Node): boolean => selects(spec.nodeSelector ?? {}, node.metadata.labels)

/**
 * Nodes that an upgrade decides about: those that it selects and no newer one does, whatever state that one is in; of two that were
 * made in the same second, the one whose name comes later is the newer. One that is being deleted decides about nothing.
 */
export function ownNodes(upgrade: AgentUpgrade, all: readonly AgentUpgrade[], nodes: readonly Node[]): readonly Node[] {
  if (upgrade.metadata.deletionTimestamp) return []
  const newer = all.filter((other) => !other.metadata.deletionTimestamp && isNewer(other, upgrade))
  return nodes.filter((node) => isSelected(upgrade, node) && !newer.some((other) => isSelected(other, node)))
}

const isNewer = ({ metadata: a }: AgentUpgrade, { metadata: b }: AgentUpgrade): boolean =>
  a.creationTimestamp === b.creationTimestamp ? a.name > b.name : a.creationTimestamp > b.creationTimestamp
