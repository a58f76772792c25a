import { quantityValue } from './quantity.ts'

const DECIMAL = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'] as const
const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'] as const
/** Kubernetes counts in billionths; what is finer is rounded away from zero. */
const NANO_DIGITS = 9
const NANO = 10n ** BigInt(NANO_DIGITS)

/**
 * A quantity as Kubernetes prints it: no fraction, the largest suffix of its family that needs none.
 * `0.5` → `500m`, `1024Mi` → `1Gi`, `1000m` → `1`, `1500Ki` → `1500Ki`. What is no quantity stays as it is; absent is `0`.
 * @see Source: apimachinery pkg/api/resource/quantity.go CanonicalizeBytes.
 */
export function quantityText(quantity: string | number | undefined): string {
  if (quantity === undefined) return '0'
  const match = /^([+-]?)(\d*)\.?(\d*)(.*)$/.exec(String(quantity))
  if (!match || quantityValue(quantity) === undefined) return String(quantity)
  const [, sign, whole = '', fraction = '', suffix = ''] = match
  const isBinary = suffix.endsWith('i')
  const exponent = isBinary ? 0 : decimalExponent(suffix)
  const factor = isBinary ? 1024n ** BigInt(BINARY.indexOf(suffix as (typeof BINARY)[number])) : 1n
  const nanos = scaled(BigInt(whole + fraction || '0') * factor, exponent - fraction.length + NANO_DIGITS)
  if (nanos === 0n) return '0'
  const text =
    isBinary && nanos % NANO === 0n && nanos >= 1024n * NANO
      ? withSuffix(nanos / NANO, 1024n, BINARY)
      : withSuffix(nanos, 1000n, /^[eE]\d/.test(suffix) ? EXPONENTS : DECIMAL)
  return sign === '-' ? `-${text}` : text
}

const EXPONENTS: readonly string[] = DECIMAL.map((_, index) => (index === 3 ? '' : `e${(index - 3) * 3}`))

const decimalExponent = (suffix: string): number =>
  /^[eE][+-]?\d+$/.test(suffix) ? Number(suffix.slice(1)) : (DECIMAL.indexOf(suffix as (typeof DECIMAL)[number]) - 3) * 3

/** `digits` times ten to the `power`, rounded up. */
function scaled(digits: bigint, power: number): bigint {
  if (power >= 0) return digits * 10n ** BigInt(power)
  const divisor = 10n ** BigInt(-power)
  return (digits + divisor - 1n) / divisor
}

function withSuffix(value: bigint, base: bigint, suffixes: readonly string[]): string {
  let [rest, index] = [value, 0]
  while (index < suffixes.length - 1 && rest % base === 0n) {
    rest /= base
    index++
  }
  return `${rest}${suffixes[index]}`
}
