import type { Score } from '../pipeline.ts'

/** Pods of one owner go to different nodes. */
export const spreadScore: Score = {
  name: 'spread',
  weight: 2,
  rate: ({ ownerUid }, views) => {
    const counts = views.map((view) => (ownerUid === undefined ? 0 : view.podsOf(ownerUid)))
    const most = Math.max(...counts)
    return counts.map((count) => (most === 0 ? 100 : ((most - count) * 100) / most))
  },
}
