import type { Timestamp } from './object.ts'

/** The common part of every condition. Source: meta/v1 Condition. */
export interface Condition {
  type: string
  status: 'True' | 'False' | 'Unknown'
  reason?: string
  message?: string
  lastTransitionTime?: Timestamp
}

export const conditionOf = <C extends Condition>(conditions: readonly C[] | undefined, type: string): C | undefined =>
  conditions?.find((condition) => condition.type === type)

export const isConditionTrue = (conditions: readonly Condition[] | undefined, type: string): boolean =>
  conditionOf(conditions, type)?.status === 'True'

/**
 * The conditions with `next` in place of its predecessor. `lastTransitionTime` moves only when the status does;
 * when nothing but a heartbeat differs, the same array comes back, so callers can compare by identity.
 */
export function withCondition<C extends Condition>(conditions: readonly C[] | undefined, next: C, now: Timestamp): readonly C[] {
  const list = conditions ?? []
  const before = list.find((condition) => condition.type === next.type)
  if (before && before.status === next.status && before.reason === next.reason && before.message === next.message) return list
  const stamped: C = {
    ...before,
    ...next,
    lastTransitionTime: before?.status === next.status ? (before.lastTransitionTime ?? now) : now,
  }
  return before ? list.map((condition) => (condition === before ? stamped : condition)) : [...list, stamped]
}
