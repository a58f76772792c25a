import type { NodeView } from '../node-view.ts'
import type { Filter } from '../pipeline.ts'
import type { PodNeeds } from '../pod-needs.ts'

/** What is requested must fit beside what other pods requested, and one more pod must be allowed. */
export const resourcesFitFilter: Filter = {
  name: 'resources-fit',
  check: (needs, view) => view.podCount < view.podsMax && missing(needs, view).next().done === true,
  explain: (needs, view) => [
    ...(view.podCount < view.podsMax ? [] : ['Too many pods']),
    ...[...missing(needs, view)].map((resource) => `Insufficient ${resource}`),
  ],
}

function* missing({ requests }: PodNeeds, view: NodeView): Generator<string, void> {
  for (const [resource, amount] of requests)
    if (amount > 0 && view.requested(resource) + amount > view.allocatable(resource)) yield resource
}
