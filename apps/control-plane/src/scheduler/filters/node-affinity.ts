import { type LabelRequirement, matchesRequirements } from '@bramble/api/labels'
import type { Node } from '@bramble/api/types/node'
import type { NodeSelectorRequirement, NodeSelectorTerm, PodSpec } from '@bramble/api/types/pod'

/** What placement reads of a node. */
export type PlacedNode = Pick<Node, 'metadata'>

/** Whether spec.nodeSelector and the required node affinity of a pod allow the node. */
export const matchesNodeAffinity = (spec: Pick<PodSpec, 'nodeSelector' | 'affinity'>, node: PlacedNode): boolean => {
  const labels = node.metadata.labels ?? {}
  if (!Object.entries(spec.nodeSelector ?? {}).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value)) return false
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  return required === undefined || required.nodeSelectorTerms.some((term) => matchesTerm(term, node))
}

/**
 * All requirements of a term must hold; an empty term matches nothing.
 * @see Source: component-helpers scheduling/corev1/nodeaffinity.
 */
export function matchesTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, node: PlacedNode): boolean {
  if (matchExpressions.length === 0 && matchFields.length === 0) return false
  return (
    matchesRequirements(node.metadata.labels, matchExpressions.map(requirement)) &&
    matchesRequirements({ 'metadata.name': node.metadata.name }, matchFields.map(requirement))
  )
}

const requirement = ({ key, operator, values = [] }: NodeSelectorRequirement): LabelRequirement => ({ key, operator, values })

/** The sum of the weights of the preferred terms that the node matches. An empty preference says nothing. */
export const preferredAffinityWeight = (spec: Pick<PodSpec, 'affinity'>, node: PlacedNode): number =>
  (spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
    .filter(({ preference }) => matchesTerm(preference, node))
    .reduce((sum, { weight }) => sum + weight, 0)
