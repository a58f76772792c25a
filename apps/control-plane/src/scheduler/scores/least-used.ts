import type { NodeView } from '../node-view.ts'
import type { Score } from '../pipeline.ts'
import type { PodNeeds } from '../pod-needs.ts'

/** A pod that requests nothing still uses something. Source: kube-scheduler, DefaultMilliCPURequest and DefaultMemoryRequest. */
const ASSUMED: Readonly<Record<string, number>> = { cpu: 100, memory: 200 * 2 ** 20 }

/** The more of CPU and memory stays free, the better. */
export const leastUsedScore: Score = {
  name: 'least-used',
  weight: 1,
  rate: (needs, views) => views.map((view) => (freeAfter('cpu', needs, view) + freeAfter('memory', needs, view)) / 2),
}

function freeAfter(resource: string, { requests }: PodNeeds, view: NodeView): number {
  const allocatable = view.allocatable(resource)
  if (allocatable === 0) return 0
  const wanted = requests.get(resource) || ASSUMED[resource]!
  return Math.max(0, ((allocatable - view.requested(resource) - wanted) * 100) / allocatable)
}
