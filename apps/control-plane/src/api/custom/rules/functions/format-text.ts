import { charge } from '../budget.ts'
import { RuleError } from './register.ts'

const CHARACTERS_PER_UNIT = 10
const PRECISION_MAX = 1_000

/**
 * `"%s is %d".format([a, b])`.
 * @see Source: github.com/google/cel-go ext/formatting.go.
 */
export function formatText(template: string, values: Iterable<unknown>): string {
  const list = [...values]
  let next = 0
  const text = template.replace(/%(?:\.(\d+))?(.?)/gs, (_, precision: string | undefined, verb: string) => {
    if (verb === '%') return '%'
    if (next >= list.length) throw new RuleError(`index ${next} out of range`)
    const shown = clause(verb, list[next++], precision === undefined ? undefined : Number(precision))
    charge(Math.ceil(shown.length / CHARACTERS_PER_UNIT))
    return shown
  })
  return text
}

function clause(verb: string, value: unknown, precision: number | undefined): string {
  if (precision !== undefined && precision > PRECISION_MAX) throw new RuleError(`precision ${precision} is more than ${PRECISION_MAX}`)
  switch (verb) {
    case 's':
      return shownText(value)
    case 'd':
      if (typeof value !== 'bigint' && typeof value !== 'number') throw wrong('integer', 'decimal')
      return String(value)
    case 'f':
      return Number(numeric(value)).toFixed(precision ?? 6)
    case 'e':
      return Number(numeric(value)).toExponential(precision ?? 6)
    case 'b':
      if (typeof value === 'boolean') return value ? '1' : '0'
      if (typeof value === 'bigint') return value.toString(2)
      throw wrong('integers and bools', 'binary')
    case 'o':
      if (typeof value === 'bigint') return value.toString(8)
      throw wrong('integers', 'octal')
    case 'x':
    case 'X': {
      const hexadecimal =
        typeof value === 'bigint' ? value.toString(16) : typeof value === 'string' ? Buffer.from(value).toString('hex') : undefined
      if (hexadecimal === undefined) throw wrong('integers, byte buffers, and strings', 'hexadecimal')
      return verb === 'X' ? hexadecimal.toUpperCase() : hexadecimal
    }
    default:
      throw new RuleError(`unrecognized formatting clause ${JSON.stringify(verb)}`)
  }
}

const wrong = (types: string, clauseName: string): RuleError => new RuleError(`${clauseName} clause can only be used on ${types}`)

function numeric(value: unknown): bigint | number {
  if (typeof value === 'bigint' || typeof value === 'number') return value
  throw wrong('doubles', 'fixed-point')
}

/** A value as `%s` prints it. */
export function shownText(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'string') return value
  if (value instanceof Date) return value.toISOString().replace('.000Z', 'Z')
  if (value instanceof Uint8Array) return Buffer.from(value).toString()
  if (Array.isArray(value) || value instanceof Set) return `[${[...value].map(shownText).join(', ')}]`
  if (value instanceof Map)
    return `{${[...value]
      .map(([key, inner]) => `${shownText(key)}: ${shownText(inner)}`)
      .sort()
      .join(', ')}}`
  return String(value)
}
