import { withCondition } from '@bramble/api/conditions'
import { selects } from '@bramble/api/labels'
import { isPodReady, type Pod } from '@bramble/api/types/pod'
import type { DisruptionStatus, PodDisruptionBudget } from '@bramble/api/types/policy'
import { timestamp } from '@bramble/api/duration'
import { scaledValue } from '../scaled-value.ts'

/** A granted eviction that is not seen after this time is taken for one that never happened. */
export const EVICTION_MS = 2 * 60_000

/** How many pods there shall be, as their owners say. */
export type Expected = { readonly pods: number } | { readonly fault: string }

export interface BudgetPlan {
  readonly status: DisruptionStatus
  /** Pods whose eviction was granted and that are still there. */
  readonly notDeleted: readonly Pod[]
  /** When the first granted eviction lapses. */
  readonly againInMs?: number
}

/** The pods of its namespace that a budget is about. */
export const selected = ({ metadata, spec }: PodDisruptionBudget, pods: readonly Pod[]): readonly Pod[] =>
  pods.filter((pod) => pod.metadata.namespace === metadata.namespace && selects(spec.selector, pod.metadata.labels))

/** A plain number of pods that must stay needs no owner to be asked. */
export const needsOwners = ({ spec: { minAvailable, maxUnavailable } }: PodDisruptionBudget): boolean =>
  maxUnavailable !== undefined || typeof minAvailable === 'string'

/**
 * How many of its pods may be evicted now.
 *
 * @param pods Those that the budget selects.
 * @param expected Of their owners; not looked at when `minAvailable` is a plain number.
 * @see Source: Kubernetes pkg/controller/disruption trySync, updatePdbStatus.
 */
export function planBudget(budget: PodDisruptionBudget, pods: readonly Pod[], expected: Expected, nowMs: number): BudgetPlan {
  const needed = needs(budget, pods, expected)
  if ('fault' in needed) return { status: failed(budget, needed.fault, nowMs), notDeleted: [] }
  const { disruptedPods, notDeleted, againInMs } = granted(budget, pods, nowMs)
  const currentHealthy = pods.filter(
    (pod) => pod.metadata.deletionTimestamp === undefined && !Object.hasOwn(disruptedPods, pod.metadata.name) && isPodReady(pod),
  ).length
  const { expectedPods, desiredHealthy } = needed
  const disruptionsAllowed = expectedPods > 0 ? Math.max(0, currentHealthy - desiredHealthy) : 0
  const counts = { disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods }
  return {
    status: {
      ...counts,
      ...(Object.keys(disruptedPods).length > 0 && { disruptedPods }),
      ...observed(budget, disruptionsAllowed > 0 ? 'SufficientPods' : 'InsufficientPods', '', nowMs),
    },
    notDeleted,
    ...(againInMs !== undefined && { againInMs }),
  }
}

type Needs = { readonly expectedPods: number; readonly desiredHealthy: number } | { readonly fault: string }

function needs(budget: PodDisruptionBudget, pods: readonly Pod[], expected: Expected): Needs {
  const { minAvailable, maxUnavailable } = budget.spec
  if (!needsOwners(budget)) return { expectedPods: minAvailable === undefined ? 0 : pods.length, desiredHealthy: Number(minAvailable ?? 0) }
  if ('fault' in expected) return expected
  const desiredHealthy =
    maxUnavailable === undefined
      ? scaledValue(minAvailable, expected.pods, 'up')
      : Math.max(0, expected.pods - scaledValue(maxUnavailable, expected.pods, 'up'))
  return { expectedPods: expected.pods, desiredHealthy }
}

/** Granted evictions of pods that are still there and have time left. */
function granted(
  { status }: PodDisruptionBudget,
  pods: readonly Pod[],
  nowMs: number,
): { disruptedPods: Record<string, string>; notDeleted: readonly Pod[]; againInMs: number | undefined } {
  const disruptedPods: Record<string, string> = {}
  const notDeleted: Pod[] = []
  const waits: number[] = []
  for (const pod of pods) {
    const at = status?.disruptedPods?.[pod.metadata.name]
    if (at === undefined || pod.metadata.deletionTimestamp !== undefined) continue
    const leftMs = Date.parse(at) + EVICTION_MS - nowMs
    if (leftMs > 0) {
      disruptedPods[pod.metadata.name] = at
      waits.push(leftMs)
    } else notDeleted.push(pod)
  }
  return { disruptedPods, notDeleted, againInMs: waits.length === 0 ? undefined : Math.min(...waits) }
}

/** Nothing may be evicted while it is not known how many pods there shall be. */
function failed(budget: PodDisruptionBudget, fault: string, nowMs: number): DisruptionStatus {
  const { currentHealthy = 0, desiredHealthy = 0, expectedPods = 0, disruptedPods } = budget.status ?? {}
  return {
    disruptionsAllowed: 0,
    currentHealthy,
    desiredHealthy,
    expectedPods,
    ...(disruptedPods && { disruptedPods }),
    ...observed(budget, 'SyncFailed', fault, nowMs),
  }
}

type Reason = 'SufficientPods' | 'InsufficientPods' | 'SyncFailed'

/** What of the budget was looked at, and the condition `DisruptionAllowed` for what was found. */
export function observed(
  { metadata, status }: PodDisruptionBudget,
  reason: Reason,
  message: string,
  nowMs: number,
): Pick<DisruptionStatus, 'observedGeneration' | 'conditions'> {
  const { generation } = metadata
  const condition = {
    type: 'DisruptionAllowed',
    status: reason === 'SufficientPods' ? ('True' as const) : ('False' as const),
    reason,
    message,
    ...(generation !== undefined && { observedGeneration: generation }),
  }
  const conditions = withCondition(status?.conditions, condition, timestamp(nowMs)).map((one) =>
    one.type === condition.type && generation !== undefined ? { ...one, observedGeneration: generation } : one,
  )
  return { ...(generation !== undefined && { observedGeneration: generation }), conditions }
}
