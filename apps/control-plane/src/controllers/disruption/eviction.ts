import { forbidden, StatusError, tooManyRequests } from '@bramble/api/status-error'
import { conditionOf } from '@bramble/api/conditions'
import { timestamp } from '@bramble/api/duration'
import { isPodReady, isTerminal, type Pod } from '@bramble/api/types/pod'
import type { DisruptionStatus, PodDisruptionBudget } from '@bramble/api/types/policy'
import { observed, selected } from './plan.ts'

/** So many granted evictions that nobody has seen done are too many: something is wrong. */
const DISRUPTED_PODS_MAX = 2_000
const RETRY_SECONDS = 10
const RESOURCE = { group: 'policy', plural: 'poddisruptionbudget' }

export type EvictionPlan =
  /** No budget counts it. `exactly`: only as it is now, for it is about to start and may be counted then. */
  | { readonly type: 'delete'; readonly exactly: boolean }
  /** The pod as it is now may go although the budget may have nothing left, because it is not ready. */
  | { readonly type: 'delete-unready'; readonly budgetName: string }
  /** First the budget is told, then the pod is deleted. */
  | { readonly type: 'spend'; readonly budget: PodDisruptionBudget; readonly status: DisruptionStatus }

/**
 * Whether a pod may be evicted, and what of its budget that costs.
 *
 * @param budgets All of the pod's namespace.
 * @throws StatusError 429 when the budget has nothing left, 403 when it cannot be right, 400 when there are several.
 * @see Source: Kubernetes pkg/registry/core/pod/storage eviction.go.
 */
export function planEviction(pod: Pod, budgets: readonly PodDisruptionBudget[], nowMs: number): EvictionPlan {
  const isGone = isTerminal(pod) || pod.metadata.deletionTimestamp !== undefined
  if (isGone || pod.status?.phase === 'Pending') return { type: 'delete', exactly: !isGone }
  const [budget, ...more] = budgets.filter((one) => selected(one, [pod]).length > 0)
  if (!budget) return { type: 'delete', exactly: false }
  if (more.length > 0)
    throw new StatusError(
      400,
      'BadRequest',
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    )
  if (!isPodReady(pod) && mayLoseUnready(budget)) return { type: 'delete-unready', budgetName: budget.metadata.name }
  return { type: 'spend', budget, status: spent(budget, pod, nowMs) }
}

/** A pod that is not ready does not count as healthy: evicting it costs nothing, if the others are enough. */
function mayLoseUnready({ spec, status }: PodDisruptionBudget): boolean {
  if (spec.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {}
  return desiredHealthy > 0 && currentHealthy >= desiredHealthy
}

function spent(budget: PodDisruptionBudget, pod: Pod, nowMs: number): DisruptionStatus {
  const { name, generation = 0 } = budget.metadata
  const status = budget.status ?? { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 }
  if ((status.observedGeneration ?? 0) < generation) throw stillProcessed(name)
  if (status.disruptionsAllowed < 0) throw forbidden(RESOURCE, name, 'pdb disruptions allowed is negative')
  if (Object.keys(status.disruptedPods ?? {}).length > DISRUPTED_PODS_MAX)
    throw forbidden(RESOURCE, name, 'DisruptedPods map too big - too many evictions not confirmed by PDB controller')
  if (status.disruptionsAllowed === 0) throw exhausted(budget, status)
  const disruptionsAllowed = status.disruptionsAllowed - 1
  return {
    ...status,
    disruptionsAllowed,
    disruptedPods: { ...status.disruptedPods, [pod.metadata.name]: timestamp(nowMs) },
    ...(disruptionsAllowed === 0 && { conditions: observed(budget, 'InsufficientPods', '', nowMs).conditions! }),
  }
}

const VIOLATES = "Cannot evict pod as it would violate the pod's disruption budget."

/** Whoever tries again in a while may be lucky: the budget is not up to date. */
export const stillProcessed = (budgetName: string): StatusError =>
  tooManyRequests(VIOLATES, RETRY_SECONDS, [
    { reason: 'DisruptionBudget', message: `The disruption budget ${budgetName} is still being processed by the server.` },
  ])

function exhausted({ metadata: { name } }: PodDisruptionBudget, status: DisruptionStatus): StatusError {
  const condition = conditionOf(status.conditions, 'DisruptionAllowed')
  const message =
    condition?.status === 'False' && condition.reason === 'SyncFailed'
      ? `The disruption budget ${name} does not allow evicting pods currently because it failed sync: ${condition.message ?? ''}`
      : `The disruption budget ${name} needs ${status.desiredHealthy} healthy pods and has ${status.currentHealthy} currently`
  return new StatusError(429, 'TooManyRequests', VIOLATES, { causes: [{ reason: 'DisruptionBudget', message }] })
}
