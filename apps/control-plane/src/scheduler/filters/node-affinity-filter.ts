import type { Filter } from '../pipeline.ts'
import { matchesNodeAffinity } from './node-affinity.ts'

export const nodeAffinityFilter: Filter = {
  name: 'node-affinity',
  check: ({ pod }, { node }) => matchesNodeAffinity(pod.spec, node!),
  explain: () => ["node(s) didn't match Pod's node affinity/selector"],
}
