import type { NodeView } from './node-view.ts'
import type { PodNeeds } from './pod-needs.ts'

/** Whether a pod may run on a node. */
export interface Filter {
  readonly name: string
  check(needs: PodNeeds, view: NodeView): boolean
  /** Why not, once `check` said no: as `kubectl describe pod` shows it after a count of nodes. */
  explain(needs: PodNeeds, view: NodeView): readonly string[]
}

/** How good a node is, among those that passed. */
export interface Score {
  readonly name: string
  readonly weight: number
  /** 0 (worst) to 100 for each of the nodes. */
  rate(needs: PodNeeds, views: readonly NodeView[]): readonly number[]
}

export interface Pipeline {
  readonly filters: readonly Filter[]
  readonly scores: readonly Score[]
}

export type Placement = { readonly nodeName: string } | { readonly message: string }

/**
 * Where the pod goes, or why nowhere. Same input, same place: of equally good nodes the one with fewer pods, then the
 * first by name.
 *
 * @param views By name.
 */
export function place(needs: PodNeeds, views: readonly NodeView[], { filters, scores }: Pipeline): Placement {
  const fitting = views.filter((view) => filters.every((filter) => filter.check(needs, view)))
  if (fitting.length === 0) return { message: explain(needs, views, filters) }

  const totals = fitting.map(() => 0)
  if (fitting.length > 1)
    for (const { weight, rate } of scores) for (const [index, points] of rate(needs, fitting).entries()) totals[index]! += weight * points
  let best = 0
  for (let index = 1; index < fitting.length; index++) {
    const ahead = totals[index]! - totals[best]!
    if (ahead > 0 || (ahead === 0 && fitting[index]!.podCount < fitting[best]!.podCount)) best = index
  }
  return { nodeName: fitting[best]!.node!.metadata.name }
}

/**
 * Counts, over all nodes, the reasons of the first filter that each fails.
 * @see Source: kube-scheduler pkg/scheduler/framework types.go, FitError.Error.
 */
function explain(needs: PodNeeds, views: readonly NodeView[], filters: readonly Filter[]): string {
  if (views.length === 0) return noneAvailable(0, '')
  const counts = new Map<string, number>()
  for (const view of views) {
    const reasons = filters.find((filter) => !filter.check(needs, view))!.explain(needs, view)
    for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  }
  const list = [...counts].map(([reason, count]) => `${count} ${reason}`).sort()
  return noneAvailable(views.length, list.join(', '))
}

/** Why none of so many nodes will do. */
export const noneAvailable = (count: number, why: string): string =>
  count === 0 ? 'no nodes available to schedule pods' : `0/${count} nodes are available: ${why}.`
