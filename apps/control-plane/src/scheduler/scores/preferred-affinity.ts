import { preferredAffinityWeight } from '../filters/node-affinity.ts'
import type { Score } from '../pipeline.ts'

export const preferredAffinityScore: Score = {
  name: 'preferred-affinity',
  weight: 2,
  rate: ({ pod }, views) => {
    const weights = views.map((view) => preferredAffinityWeight(pod.spec, view.node!))
    const most = Math.max(...weights)
    return weights.map((weight) => (most <= 0 ? 0 : (weight * 100) / most))
  },
}
