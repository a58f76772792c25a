import { quantityValue } from '@bramble/api/quantity'
import { PRESSURE_OF, SETTABLE_SIGNALS, type Signal } from './signals.ts'

/** A part of what there is, an amount, or the lesser of the two. */
export interface Level {
  readonly share?: number
  readonly quantity?: number
}

export interface Threshold {
  readonly signal: Signal
  readonly level: Level
  /** How long it may be crossed; 0: pods end at once. */
  readonly graceMs: number
  /** So much more has to be free again before it counts as over. */
  readonly minReclaim?: Level
}

const MiB = 2 ** 20

/**
 * Shares alone would take gigabytes of a large disk, bytes alone half of a small board's memory. Kubernetes' own are 100Mi, 10 %, 15 % and 5 %.
 */
const HARD: Readonly<Partial<Record<Signal, Level>>> = {
  'memory.available': { share: 0.1, quantity: 100 * MiB },
  'nodefs.available': { share: 0.05, quantity: 500 * MiB },
  'nodefs.inodesFree': { share: 0.05, quantity: 10_000 },
  'imagefs.available': { share: 0.05, quantity: 500 * MiB },
  'imagefs.inodesFree': { share: 0.05, quantity: 10_000 },
  'pid.available': { share: 0.1, quantity: 1_000 },
}
/** Freed byte by byte a disk would be over its threshold again at once. */
const MIN_RECLAIM: Readonly<Partial<Record<Signal, Level>>> = {
  'nodefs.available': { share: 0.05, quantity: 250 * MiB },
  'imagefs.available': { share: 0.05, quantity: 250 * MiB },
}

export const levelValue = ({ share, quantity }: Level, capacity: number): number =>
  Math.floor(Math.min(share === undefined ? Infinity : share * capacity, quantity ?? Infinity))

/** What an operator said, in kubelet's syntax; absent: as is fit for the board. */
export interface ThresholdTexts {
  readonly hard?: string | undefined
  readonly soft?: string | undefined
  readonly softGrace?: string | undefined
  readonly minReclaim?: string | undefined
}

/**
 * @throws Error in words for people.
 * @see Source: kubelet eviction ParseThresholdConfig.
 */
export function parseThresholds({ hard, soft, softGrace, minReclaim }: ThresholdTexts): readonly Threshold[] {
  const hardLevels = hard === undefined ? new Map(Object.entries(HARD) as [Signal, Level][]) : parseLevels(hard, '<')
  const reclaims = minReclaim === undefined ? new Map(Object.entries(MIN_RECLAIM) as [Signal, Level][]) : parseLevels(minReclaim, '=')
  const graces = parseGraces(softGrace ?? '')
  const softLevels = parseLevels(soft ?? '', '<')
  for (const signal of softLevels.keys())
    if (!graces.has(signal)) throw new Error(`grace period must be specified for the soft eviction threshold ${signal}`)
  const made = (levels: ReadonlyMap<Signal, Level>, graceOf: (signal: Signal) => number): readonly Threshold[] =>
    [...levels].map(([signal, level]) => {
      const reclaim = reclaims.get(signal)
      return { signal, level, graceMs: graceOf(signal), ...(reclaim && { minReclaim: reclaim }) }
    })
  const all = [...made(hardLevels, () => 0), ...made(softLevels, (signal) => graces.get(signal)!)]
  const ofMemory = all.filter(({ signal, graceMs }) => signal === 'memory.available' && graceMs === 0)
  return [...all, ...ofMemory.map((threshold): Threshold => ({ ...threshold, signal: 'allocatableMemory.available' }))]
}

/** `memory.available<100Mi,nodefs.available<5%`. */
function parseLevels(text: string, operator: '<' | '='): ReadonlyMap<Signal, Level> {
  const levels = new Map<Signal, Level>()
  for (const [signal, value] of statements(text, operator)) {
    const level = parseLevel(value)
    if (!level) throw new Error(`"${value}" for ${signal} must be a quantity such as 100Mi or a share such as 5%`)
    levels.set(signal, level)
  }
  return levels
}

function parseLevel(text: string): Level | undefined {
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)
  if (percent) return Number(percent[1]) <= 100 ? { share: Number(percent[1]) / 100 } : undefined
  const quantity = quantityValue(text)
  return quantity === undefined || quantity < 0 ? undefined : { quantity }
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** `memory.available=1m30s`. */
function parseGraces(text: string): ReadonlyMap<Signal, number> {
  const graces = new Map<Signal, number>()
  for (const [signal, value] of statements(text, '=')) {
    if (!/^(\d+(ms|s|m|h))+$/.test(value)) throw new Error(`"${value}" for ${signal} must be a duration such as 1m30s`)
    graces.set(
      signal,
      [...value.matchAll(/(\d+)(ms|s|m|h)/g)].reduce((sum, [, count, unit]) => sum + Number(count) * UNIT_MS[unit!]!, 0),
    )
  }
  return graces
}

function* statements(text: string, operator: '<' | '='): Generator<readonly [Signal, string]> {
  const seen = new Set<string>()
  for (const statement of text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')) {
    const [signal = '', value, ...rest] = statement.split(operator).map((part) => part.trim())
    if (value === undefined || rest.length > 0) throw new Error(`"${statement}" must be <signal>${operator}<value>`)
    if (!isSignal(signal)) throw new Error(`"${signal}" is no eviction signal; there are ${SETTABLE_SIGNALS.join(', ')}`)
    if (seen.has(signal)) throw new Error(`found duplicate eviction threshold for signal ${signal}`)
    seen.add(signal)
    yield [signal, value]
  }
}

const isSignal = (text: string): text is Signal => text in PRESSURE_OF && SETTABLE_SIGNALS.includes(text as Signal)
