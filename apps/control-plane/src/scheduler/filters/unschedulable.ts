import type { Filter } from '../pipeline.ts'
import { tolerates } from './taints.ts'

const CORDONED = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' } as const

/** `kubectl cordon` keeps new pods away, but for those that tolerate it. */
export const unschedulableFilter: Filter = {
  name: 'unschedulable',
  check: ({ pod }, { node }) =>
    !node!.spec.unschedulable || (pod.spec.tolerations ?? []).some((toleration) => tolerates(toleration, CORDONED)),
  explain: () => ['node(s) were unschedulable'],
}
