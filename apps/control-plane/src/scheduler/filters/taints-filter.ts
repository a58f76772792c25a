import type { Filter } from '../pipeline.ts'
import { toleratesTaints, untoleratedTaint } from './taints.ts'

export const taintsFilter: Filter = {
  name: 'taints',
  check: ({ pod }, { node }) => toleratesTaints(node!.spec.taints, pod.spec.tolerations),
  explain: ({ pod }, { node }) => {
    const { key, value = '' } = untoleratedTaint(node!.spec.taints, pod.spec.tolerations)!
    return [`node(s) had untolerated taint {${key}: ${value}}`]
  },
}
