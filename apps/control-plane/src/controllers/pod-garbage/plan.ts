import { isTerminal, type Pod } from '@bramble/api/types/pod'

/** Why a pod is not worth waiting for. */
export type Verdict = 'keep' | 'unscheduled' | 'orphaned'

/** @param nodeExists Whether there is a node of that name. */
export function judge(pod: Pod, nodeExists: (name: string) => boolean): Verdict {
  const { nodeName } = pod.spec
  if (!nodeName) return pod.metadata.deletionTimestamp ? 'unscheduled' : 'keep' // no node will ever say that it ended
  return nodeExists(nodeName) ? 'keep' : 'orphaned'
}

/** Pods that ended, the oldest first, beyond the newest `keepMax`. */
export const surplus = (pods: readonly Pod[], keepMax: number): readonly Pod[] => {
  const ended = pods.filter((pod) => isTerminal(pod) && !pod.metadata.deletionTimestamp)
  if (ended.length <= keepMax) return []
  return ended.sort(olderFirst).slice(0, ended.length - keepMax)
}

const olderFirst = ({ metadata: a }: Pod, { metadata: b }: Pod): number =>
  compare(a.creationTimestamp, b.creationTimestamp) || compare(a.uid, b.uid)
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
