import type { IntOrString } from '@bramble/api/types/workload'

/**
 * `25%` of `total`, or a plain count as it is. What cannot be read counts as 0.
 * @see Source: apimachinery pkg/util/intstr GetScaledValueFromIntOrPercent.
 */
export function scaledValue(value: IntOrString | undefined, total: number, round: 'up' | 'down'): number {
  if (value === undefined) return 0
  const percent = /^(\d+)%$/.exec(String(value))
  if (!percent) return Number.isInteger(Number(value)) ? Math.max(0, Number(value)) : 0
  const exact = (Number(percent[1]) * total) / 100
  return round === 'up' ? Math.ceil(exact) : Math.floor(exact)
}
