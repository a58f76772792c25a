import type { Taint } from '@bramble/api/types/node'
import type { TaintEffect, Toleration } from '@bramble/api/types/pod'

/** Source: core/v1 Toleration.ToleratesTaint: an empty key with Exists tolerates every taint, an empty effect every effect. */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false
  if (toleration.key && toleration.key !== taint.key) return false
  if (toleration.operator === 'Exists') return true
  return Boolean(toleration.key) && (toleration.value ?? '') === (taint.value ?? '')
}

const HARD: readonly TaintEffect[] = ['NoSchedule', 'NoExecute']

/** The first taint with one of these effects that no toleration covers; by default those that keep pods away. */
export const untoleratedTaint = (
  taints: readonly Taint[] | undefined,
  tolerations: readonly Toleration[] | undefined,
  effects: readonly TaintEffect[] = HARD,
): Taint | undefined =>
  taints?.find((taint) => effects.includes(taint.effect) && !tolerations?.some((toleration) => tolerates(toleration, taint)))

/** Whether a pod with these tolerations may be put on (or, with NoExecute alone, stay on) a node with these taints. */
export const toleratesTaints = (
  taints: readonly Taint[] | undefined,
  tolerations: readonly Toleration[] | undefined,
  effects: readonly TaintEffect[] = HARD,
): boolean => untoleratedTaint(taints, tolerations, effects) === undefined
