// Pure: what is short on a node, for how long, and what to do about it first.
import { type Observations, PRESSURE_OF, type PressureType, type Signal } from './signals.ts'
import { levelValue, type Threshold } from './thresholds.ts'

/** What is remembered from one look to the next. */
export interface PressureMemory {
  /** Thresholds that are crossed, and since when; monotonic milliseconds. */
  readonly crossed: ReadonlyMap<Threshold, number>
  /** When a condition last held. */
  readonly heldMs: ReadonlyMap<PressureType, number>
}
export const NO_PRESSURE: PressureMemory = { crossed: new Map(), heldMs: new Map() }

export interface PressureVerdict {
  readonly memory: PressureMemory
  /** To be told of the node, sorted. */
  readonly pressures: readonly PressureType[]
  /** Crossed for longer than their grace, what is to be relieved first at the front. */
  readonly due: readonly Threshold[]
}

export interface PressureTimes {
  readonly nowMs: number
  /** A condition stays for so long after it was last true, so that nobody flaps with it. */
  readonly transitionMs: number
}

/** @see Source: kubelet eviction managerImpl.synchronize. */
export function judge(
  before: PressureMemory,
  thresholds: readonly Threshold[],
  observations: Observations,
  { nowMs, transitionMs }: PressureTimes,
): PressureVerdict {
  const crossed = new Map<Threshold, number>()
  for (const threshold of thresholds)
    if (isCrossed(threshold, observations, before.crossed.has(threshold))) crossed.set(threshold, before.crossed.get(threshold) ?? nowMs)
  const heldMs = new Map([...before.heldMs].filter(([, ms]) => nowMs - ms < transitionMs))
  for (const { signal } of crossed.keys()) heldMs.set(PRESSURE_OF[signal], nowMs)
  return {
    memory: { crossed, heldMs },
    pressures: [...heldMs.keys()].sort(),
    due: [...crossed]
      .filter(([{ graceMs }, sinceMs]) => nowMs - sinceMs >= graceMs)
      .map(([threshold]) => threshold)
      .sort(byUrgency),
  }
}

/** With `untilReclaimed`, what was to be freed beyond the threshold counts too. What is not known is not crossed. */
export function isCrossed({ signal, level, minReclaim }: Threshold, observations: Observations, untilReclaimed: boolean): boolean {
  const seen = observations.get(signal)
  if (!seen) return false
  const more = untilReclaimed && minReclaim ? levelValue(minReclaim, seen.capacity) : 0
  return seen.available < levelValue(level, seen.capacity) + more
}

/** How much is missing until it is relieved, in the signal's own unit; 0 when nothing is. */
export function missing({ signal, level, minReclaim }: Threshold, observations: Observations): number {
  const seen = observations.get(signal)
  if (!seen) return 0
  return Math.max(0, levelValue(level, seen.capacity) + (minReclaim ? levelValue(minReclaim, seen.capacity) : 0) - seen.available)
}

/** Memory runs out within seconds: it is looked at more often as it comes near. */
export function isNear(thresholds: readonly Threshold[], observations: Observations): boolean {
  return thresholds.some(({ signal, level }) => {
    const seen = observations.get(signal)
    return URGENT.includes(signal) && seen !== undefined && seen.available < NEAR_FACTOR * levelValue(level, seen.capacity)
  })
}

const NEAR_FACTOR = 2
const URGENT: readonly Signal[] = ['memory.available', 'allocatableMemory.available']

/** Memory first. Source: kubelet eviction byEvictionPriority. */
const byUrgency = (a: Threshold, b: Threshold): number => Number(URGENT.includes(b.signal)) - Number(URGENT.includes(a.signal))
