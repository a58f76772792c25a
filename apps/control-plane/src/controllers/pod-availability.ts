import { conditionOf } from '@bramble/api/conditions'
import { isTerminal, type Pod } from '@bramble/api/types/pod'

/** A pod that runs or will run: neither ended nor leaving. */
export const isActive = (pod: Pod): boolean => !isTerminal(pod) && pod.metadata.deletionTimestamp === undefined

/**
 * How long until the pod counts as available, milliseconds: 0 when it is, undefined when it is not even ready.
 * @param minReadySeconds How long it must have been ready.
 * @see Source: Kubernetes Deployment concepts, "Min Ready Seconds".
 */
export function availableInMs(pod: Pod, minReadySeconds: number, nowMs: number): number | undefined {
  const ready = conditionOf(pod.status?.conditions, 'Ready')
  if (ready?.status !== 'True') return undefined
  if (minReadySeconds <= 0) return 0
  const sinceMs = Date.parse(ready.lastTransitionTime ?? '')
  if (Number.isNaN(sinceMs)) return minReadySeconds * 1000
  return Math.max(0, sinceMs + minReadySeconds * 1000 - nowMs)
}

export const isAvailable = (pod: Pod, minReadySeconds: number, nowMs: number): boolean => availableInMs(pod, minReadySeconds, nowMs) === 0

/** When to look again because a pod becomes available by mere waiting; undefined when none does. */
export function nextAvailableInMs(pods: readonly Pod[], minReadySeconds: number, nowMs: number): number | undefined {
  const waits = pods.map((pod) => availableInMs(pod, minReadySeconds, nowMs)).filter((waitMs) => waitMs !== undefined && waitMs > 0)
  return waits.length === 0 ? undefined : Math.min(...(waits as number[]))
}
