import { durationFault } from './go-duration.ts'

/** The values of each field that match; `every` and the like have none. */
export interface Schedule {
  readonly minutes: ReadonlySet<number>
  readonly hours: ReadonlySet<number>
  readonly daysOfMonth: ReadonlySet<number>
  readonly months: ReadonlySet<number>
  /** 0 is Sunday. */
  readonly daysOfWeek: ReadonlySet<number>
}

interface Field {
  readonly min: number
  readonly max: number
  readonly names?: readonly string[]
}
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const FIELDS: readonly Field[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  { min: 1, max: 12, names: MONTHS },
  { min: 0, max: 6, names: DAYS },
]
const DESCRIPTORS: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
}

/**
 * A schedule of five fields, or one of `@daily`, `@every 1h30m` …
 *
 * @returns Undefined for `@every`, which counts from its start.
 * @throws Error in the words of Kubernetes' parser.
 * @see Source: github.com/robfig/cron/v3 ParseStandard.
 */
export function parseSchedule(text: string): Schedule | undefined {
  if (text === '') throw new Error('empty spec string')
  const spec = withoutTimeZone(text)
  if (spec.startsWith('@every ')) {
    const fault = durationFault(spec.slice('@every '.length))
    if (fault !== undefined) throw new Error(`failed to parse duration ${spec}: ${fault}`)
    return undefined
  }
  if (spec.startsWith('@') && !Object.hasOwn(DESCRIPTORS, spec)) throw new Error(`unrecognized descriptor: ${spec}`)
  const fields = (DESCRIPTORS[spec] ?? spec).split(/\s+/).filter((field) => field !== '')
  if (fields.length !== FIELDS.length) throw new Error(`expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`)
  const [minutes, hours, daysOfMonth, months, daysOfWeek] = fields.map((field, index) => parseField(field, FIELDS[index]!))
  return { minutes: minutes!, hours: hours!, daysOfMonth: daysOfMonth!, months: months!, daysOfWeek: daysOfWeek! }
}

/** What is wrong with a schedule; undefined when nothing is. */
export function scheduleFault(text: string): string | undefined {
  try {
    parseSchedule(text)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

function withoutTimeZone(text: string): string {
  if (!/^(CRON_)?TZ=/.test(text)) return text
  const space = text.indexOf(' ')
  if (space < 0) throw new Error('invalid schedule: missing fields after the time zone')
  return text.slice(space).trim()
}

const parseField = (text: string, field: Field): ReadonlySet<number> =>
  new Set(
    text
      .split(',')
      .filter((range) => range !== '')
      .flatMap((range) => parseRange(range, field)),
  )

/** `*`, `5`, `mon-fri`, each with a step: `1-30/5`. `5/10` means from 5 to the end. */
function parseRange(text: string, { min, max, names }: Field): readonly number[] {
  const [range = '', stepText, ...slashes] = text.split('/')
  const [low = '', high, ...hyphens] = range.split('-')
  if (hyphens.length > 0 && !isAny(low)) throw new Error(`too many hyphens: ${text}`)
  const start = isAny(low) ? min : parseName(low, names)
  let end = isAny(low) ? max : high === undefined ? start : parseName(high, names)
  if (slashes.length > 0) throw new Error(`too many slashes: ${text}`)
  const step = stepText === undefined ? 1 : parseNumber(stepText)
  if (stepText !== undefined && high === undefined) end = max
  if (start < min) throw new Error(`beginning of range (${start}) below minimum (${min}): ${text}`)
  if (end > max) throw new Error(`end of range (${end}) above maximum (${max}): ${text}`)
  if (start > end) throw new Error(`beginning of range (${start}) beyond end of range (${end}): ${text}`)
  if (step === 0) throw new Error(`step of range should be a positive number: ${text}`)
  return Array.from({ length: Math.floor((end - start) / step) + 1 }, (_, index) => start + index * step)
}

const isAny = (text: string): boolean => text === '*' || text === '?'

function parseName(text: string, names: readonly string[] | undefined): number {
  const index = names?.indexOf(text.toLowerCase()) ?? -1
  return index < 0 ? parseNumber(text) : names === MONTHS ? index + 1 : index
}

function parseNumber(text: string): number {
  const fail = (why: string): Error => new Error(`failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: ${why}`)
  if (!/^[+-]?\d+$/.test(text)) throw fail('invalid syntax')
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw fail('value out of range')
  if (value < 0) throw new Error(`negative number (${value}) not allowed: ${text}`)
  return value
}
