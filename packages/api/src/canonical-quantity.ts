import { QUANTITY_RULE } from './quantity.ts'

/** What is no quantity, in the words of Kubernetes. */
export class QuantityError extends Error {
  override name = 'QuantityError'
}

/**
 * A quantity as Kubernetes stores it, so that equal ones compare equal: `0.5` → `500m`, `1024Mi` → `1Gi`, `1000` → `1k`, `1e4` → `10e3`.
 * What has few digits, no fraction and nothing to carry stays as it was written (`1e3`, `+5`), as it does there.
 *
 * @throws QuantityError
 * @see Source: apimachinery pkg/api/resource/quantity.go, ParseQuantity and CanonicalizeBytes.
 */
export function canonicalQuantity(text: string): string {
  const trimmed = text.trim()
  const parts = split(trimmed)
  const suffix = readSuffix(parts.suffix)
  return keptAsWritten(trimmed, parts, suffix) ? trimmed : render(exactValue(parts, suffix), suffix.family)
}

type Family = 'decimal' | 'exponent' | 'binary'
interface Parts {
  readonly isNegative: boolean
  /** Digits before the point without leading zeros, `0` when there are none. */
  readonly whole: string
  readonly fraction: string
  readonly suffix: string
}
interface Suffix {
  readonly family: Family
  /** Power of ten, or of two in the binary family. */
  readonly power: number
}
/** `digits` times ten to the `power`. */
interface Value {
  readonly digits: bigint
  readonly power: number
}

const SHAPE = /^([+-]?)(\d*)(?:\.(\d*))?([eEinumkKMGTP]*[-+]?\d*)$/
/** Digits beyond any use; what is longer costs time. */
const CHARACTERS_MAX = 1000

function split(text: string): Parts {
  const match = text.length <= CHARACTERS_MAX ? SHAPE.exec(text) : null
  if (!match || text === '') throw new QuantityError(QUANTITY_RULE)
  const [, sign, whole = '', fraction = '', suffix = ''] = match
  return { isNegative: sign === '-', whole: whole.replace(/^0+/, '') || '0', fraction, suffix }
}

const DECIMAL = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E']
const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei']

function readSuffix(text: string): Suffix {
  const decimal = DECIMAL.indexOf(text)
  if (decimal >= 0) return { family: 'decimal', power: (decimal - 3) * 3 }
  const binary = BINARY.indexOf(text)
  if (binary >= 0) return { family: 'binary', power: binary * 10 }
  if (/^[eE][+-]?\d{1,9}$/.test(text)) return { family: 'exponent', power: Number(text.slice(1)) }
  throw new QuantityError("unable to parse quantity's suffix")
}

const INT64_MAX = 2n ** 63n - 1n
/** Kubernetes counts in billionths. */
const NANO = -9
/** The largest decimal suffix. Kubernetes forgets the suffix of what is larger: `1000E` becomes `1` there, and stays here. */
const EXA = 18

/** Source: the fast path of ParseQuantity: 18 digits at most, and a form that needs no change. */
function keptAsWritten(text: string, { whole, fraction }: Parts, { family, power }: Suffix): boolean {
  if (text === '0') return true
  if (family === 'binary') {
    const isShort = whole.length + Math.trunc((power * 3) / 10) + 1 <= 15
    return fraction === '' && isShort && (BigInt(whole) & 7n) !== 0n && BigInt(whole) << BigInt(power) <= INT64_MAX
  }
  const digits = whole + fraction
  const scale = power - fraction.length
  return digits.length <= 18 && scale >= NANO && scale % 3 === 0 && !digits.endsWith('000') && !digits.startsWith('0')
}

/** The number behind the text: rounded away from zero to billionths; binary ones end at the largest int64. */
function exactValue({ isNegative, whole, fraction }: Parts, { family, power }: Suffix): Value {
  const written = BigInt(whole + fraction)
  const value: Value =
    family === 'binary'
      ? capped({ digits: written << BigInt(power), power: -fraction.length })
      : { digits: written, power: power - fraction.length }
  const { digits, power: rounded } = roundedTo(NANO, value)
  return { digits: isNegative ? -digits : digits, power: rounded }
}

function capped(value: Value): Value {
  const isBeyond = value.digits > INT64_MAX * 10n ** BigInt(-value.power)
  return isBeyond ? { digits: INT64_MAX, power: 0 } : value
}

/** Away from zero, for values of zero and more. */
function roundedTo(power: number, value: Value): Value {
  const places = power - value.power
  if (places <= 0 || value.digits === 0n) return value
  if (places > CHARACTERS_MAX) return { digits: 1n, power }
  const divisor = 10n ** BigInt(places)
  return { digits: (value.digits + divisor - 1n) / divisor, power }
}

function render(value: Value, family: Family): string {
  if (value.digits === 0n) return '0'
  if (family === 'binary') {
    const whole = wholeNumber(value)
    if (whole !== undefined && (whole <= -1024n || whole >= 1024n)) return renderBinary(whole)
  }
  return renderDecimal(value, family === 'exponent')
}

function renderBinary(value: bigint): string {
  let [rest, index] = [value, 0]
  while (rest % 1024n === 0n) {
    rest /= 1024n
    index++
  }
  return `${rest}${BINARY[index]}`
}

function renderDecimal(value: Value, isExponent: boolean): string {
  let { digits, power } = value
  while (digits % 10n === 0n) {
    digits /= 10n
    power++
  }
  while (power % 3 !== 0 || (power > EXA && !isExponent)) {
    digits *= 10n
    power--
  }
  if (isExponent) return power === 0 ? String(digits) : `${digits}e${power}`
  return `${digits}${DECIMAL[power / 3 + 3]}`
}

function wholeNumber({ digits, power }: Value): bigint | undefined {
  if (power >= 0) return digits * 10n ** BigInt(power)
  const divisor = 10n ** BigInt(-power)
  return digits % divisor === 0n ? digits / divisor : undefined
}
