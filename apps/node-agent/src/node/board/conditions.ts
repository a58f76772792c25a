// Pure: what of a board's troubles is worth a Node condition, and when it is over.
import type { NodeCondition } from '@bramble/api/types/node'
import type { PowerReading, StorageReading } from './board.ts'

/** A trouble counts as over after so long without it: supplies that are too weak fail for moments, whenever there is much to do. */
const CALM_MS = 600_000
/** In the last tenth of its life a chip may fail any day. */
const WORN_RATIO = 1
/** Where boards slow themselves down; cool again some degrees below. */
const HOT_CELSIUS = 80
const COOL_CELSIUS = 75
const RESERVE_LOW = 2

/** When troubles were seen last, by a clock that never goes back. */
export interface Troubles {
  readonly underVoltageMs?: number
  readonly slowedMs?: number
  readonly isHot?: boolean
}

export const seenTroubles = (
  before: Troubles,
  { underVoltage, throttling }: PowerReading,
  celsius: number | undefined,
  nowMs: number,
): Troubles => ({
  ...before,
  ...(celsius !== undefined && { isHot: celsius >= (before.isHot ? COOL_CELSIUS : HOT_CELSIUS) }),
  ...(underVoltage && { underVoltageMs: nowMs }),
  ...(throttling?.slowed && { slowedMs: nowMs }),
})

/** Conditions of what this board can tell; of what it cannot there is none. */
export function boardConditions(
  troubles: Troubles,
  power: PowerReading,
  storage: readonly StorageReading[],
  nowMs: number,
): readonly NodeCondition[] {
  const isRecent = (atMs: number | undefined): boolean => atMs !== undefined && nowMs - atMs < CALM_MS
  const telling = storage.filter(({ lifeUsedRatio, reserveState }) => lifeUsedRatio !== undefined || reserveState !== undefined)
  const worn = telling.filter(({ lifeUsedRatio = 0, reserveState = 1 }) => lifeUsedRatio >= WORN_RATIO || reserveState >= RESERVE_LOW)
  return [
    ...(troubles.isHot === undefined
      ? []
      : [
          troubles.isHot
            ? told('HighTemperature', true, 'ProcessorHot', `the processor is at ${HOT_CELSIUS} °C or more and slows down`)
            : told('HighTemperature', false, 'ProcessorCool', 'the processor is not too hot'),
        ]),
    ...(power.underVoltage === undefined
      ? []
      : [
          isRecent(troubles.underVoltageMs)
            ? told(
                'UnderVoltage',
                true,
                'PowerSupplyWeak',
                'the supply voltage was too low within the last 10 minutes; use a stronger supply or a shorter cable',
              )
            : told('UnderVoltage', false, 'PowerSupplySufficient', 'the supply voltage is sufficient'),
        ]),
    ...(power.throttling === undefined
      ? []
      : [
          isRecent(troubles.slowedMs)
            ? told(
                'Throttled',
                true,
                'ProcessorSlowed',
                'the firmware slowed the processor down within the last 10 minutes: too hot, or too little voltage',
              )
            : told('Throttled', false, 'ProcessorFullSpeed', 'the processor runs as fast as it may'),
        ]),
    ...(telling.length === 0
      ? []
      : [
          worn.length > 0
            ? told(
                'StorageWorn',
                true,
                'StorageLifeUsedUp',
                `${worn.map(({ device }) => device).join(', ')} is near the end of its life; replace it`,
              )
            : told('StorageWorn', false, 'StorageHasLifeLeft', 'flash storage has life left'),
        ]),
  ]
}

const told = (type: string, isTrouble: boolean, reason: string, message: string): NodeCondition => ({
  type,
  status: isTrouble ? 'True' : 'False',
  reason,
  message,
})
