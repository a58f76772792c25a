import type { Environment } from '@marcbachmann/cel-js'
import { QUANTITY_RULE } from '@bramble/api/quantity'
import { registerAll, RuleError } from './register.ts'

const NANO = 1_000_000_000n
const INT64_MAX = 2n ** 63n - 1n

/** An amount, exact to a billionth. */
export class Quantity {
  readonly nanos: bigint
  constructor(nanos: bigint) {
    this.nanos = nanos
  }
  toString(): string {
    return this.nanos % NANO === 0n ? String(this.nanos / NANO) : `${this.nanos}n`
  }
}

/**
 * `quantity("50Mi")` and what can be done with it.
 * @see Source: k8s.io/apiserver pkg/cel/library/quantity.go.
 */
export function registerQuantities(environment: Environment): void {
  environment.registerType('Quantity', { ctor: Quantity, fields: {} })
  environment.registerOperator('Quantity == Quantity', (a: Quantity, b: Quantity) => a.nanos === b.nanos)
  registerAll(environment, {
    'quantity(string): Quantity': (text: string) => {
      const nanos = parseNanos(text)
      if (nanos === undefined) throw new RuleError(QUANTITY_RULE)
      return new Quantity(nanos)
    },
    'isQuantity(string): bool': (text: string) => parseNanos(text) !== undefined,
    'Quantity.isInteger(): bool': isInteger,
    'Quantity.asInteger(): int': (amount: Quantity) => {
      if (!isInteger(amount)) throw new RuleError('cannot convert value to integer')
      return amount.nanos / NANO
    },
    'Quantity.asApproximateFloat(): double': ({ nanos }: Quantity) => Number(nanos) / Number(NANO),
    'Quantity.sign(): int': ({ nanos }: Quantity) => (nanos > 0n ? 1n : nanos < 0n ? -1n : 0n),
    'Quantity.add(Quantity): Quantity': (a: Quantity, b: Quantity) => new Quantity(a.nanos + b.nanos),
    'Quantity.add(int): Quantity': (a: Quantity, b: bigint) => new Quantity(a.nanos + b * NANO),
    'Quantity.sub(Quantity): Quantity': (a: Quantity, b: Quantity) => new Quantity(a.nanos - b.nanos),
    'Quantity.sub(int): Quantity': (a: Quantity, b: bigint) => new Quantity(a.nanos - b * NANO),
    'Quantity.isGreaterThan(Quantity): bool': (a: Quantity, b: Quantity) => a.nanos > b.nanos,
    'Quantity.isLessThan(Quantity): bool': (a: Quantity, b: Quantity) => a.nanos < b.nanos,
    'Quantity.compareTo(Quantity): int': (a: Quantity, b: Quantity) => (a.nanos > b.nanos ? 1n : a.nanos < b.nanos ? -1n : 0n),
  })
}

const isInteger = ({ nanos }: Quantity): boolean => nanos % NANO === 0n && nanos / NANO <= INT64_MAX && nanos / NANO >= -INT64_MAX - 1n

const PATTERN = /^([+-]?)(\d*)(?:\.(\d*))?(?:(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)|[eE]([+-]?\d{1,3}))?$/
const DIGITS_MAX = 100
const DECIMAL: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 }
const BINARY: readonly string[] = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei']

/** Rounded away from zero, as quantities are. Undefined for what is none. */
function parseNanos(text: string): bigint | undefined {
  const match = PATTERN.exec(text)
  const [, sign, whole = '', fraction = '', suffix = '', exponent] = match ?? []
  if (!match || whole + fraction === '' || text.length > DIGITS_MAX) return undefined
  const decimals = 9 - fraction.length + (DECIMAL[suffix] ?? Number(exponent ?? 0))
  const binary = BINARY.indexOf(suffix) + 1
  const amount = BigInt(whole + fraction) * 1024n ** BigInt(binary)
  const nanos = decimals >= 0 ? amount * 10n ** BigInt(decimals) : roundedUp(amount, 10n ** BigInt(-decimals))
  return sign === '-' ? -nanos : nanos
}

const roundedUp = (amount: bigint, divisor: bigint): bigint => (amount + divisor - 1n) / divisor
