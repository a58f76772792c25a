import { tolerates } from '../filters/taints.ts'
import type { Score } from '../pipeline.ts'

/** The fewer PreferNoSchedule taints a pod would have to put up with, the better. */
export const preferNoScheduleScore: Score = {
  name: 'prefer-no-schedule',
  weight: 3,
  rate: ({ pod }, views) => {
    const counts = views.map(
      ({ node }) =>
        (node!.spec.taints ?? []).filter(
          (taint) => taint.effect === 'PreferNoSchedule' && !pod.spec.tolerations?.some((toleration) => tolerates(toleration, taint)),
        ).length,
    )
    const most = Math.max(...counts)
    return counts.map((count) => (most === 0 ? 100 : ((most - count) * 100) / most))
  },
}
