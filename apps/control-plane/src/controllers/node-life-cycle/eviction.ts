import type { Node, Taint } from '@bramble/api/types/node'
import { isTerminal, type Pod, type PodSpec } from '@bramble/api/types/pod'
import { tolerates, toleratesTaints } from '../../scheduler/filters/taints.ts'
import { NOT_READY_TAINT, UNREACHABLE_TAINT } from './plan.ts'

const HOSTNAME_LABEL = 'kubernetes.io/hostname'

/**
 * How long a pod may stay on a node with these taints, counted from when they came: Infinity for ever, 0 not at all.
 *
 * A pod that may run nowhere else stays when its node is away: evicting it would help nobody, and it is there again as
 * soon as the node is.
 *
 * @see Source: kubernetes.io "Taints and Tolerations", tolerationSeconds: the shortest of those that apply counts.
 */
export function toleratedMs(pod: Pod, taints: readonly Taint[]): number {
  const executing = taints.filter((taint) => taint.effect === 'NoExecute' && !(isAway(taint) && isPinned(pod.spec)))
  if (executing.length === 0 || isTerminal(pod) || pod.metadata.deletionTimestamp) return Infinity
  const { tolerations = [] } = pod.spec
  if (!toleratesTaints(executing, tolerations, ['NoExecute'])) return 0
  const used = tolerations.filter((toleration) => executing.some((taint) => tolerates(toleration, taint)))
  return Math.min(...used.map(({ tolerationSeconds: seconds }) => (seconds === undefined ? Infinity : Math.max(0, seconds) * 1000)))
}

const isAway = ({ key }: Taint): boolean => key === NOT_READY_TAINT || key === UNREACHABLE_TAINT

/** Whether the pod names one node as the only one. */
function isPinned({ nodeSelector, affinity }: PodSpec): boolean {
  if (nodeSelector && Object.hasOwn(nodeSelector, HOSTNAME_LABEL)) return true
  const terms = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []
  return (
    terms.length === 1 &&
    [...(terms[0]!.matchFields ?? []), ...(terms[0]!.matchExpressions ?? [])].some(
      ({ key, operator, values }) => (key === 'metadata.name' || key === HOSTNAME_LABEL) && operator === 'In' && values?.length === 1,
    )
  )
}

/** What makes two states of the taints one continuous absence. */
export function taintsId({ metadata, spec }: Node): string {
  const executing = (spec.taints ?? []).filter((taint) => taint.effect === 'NoExecute')
  return JSON.stringify([metadata.uid, executing.map(({ key, value = '', timeAdded = '' }) => [key, value, timeAdded]).sort()])
}
