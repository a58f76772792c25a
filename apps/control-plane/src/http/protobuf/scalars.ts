import type { JsonValue } from '@bramble/api/object'
import { BYTES, FIXED64, VARINT, WireError, wireFields, type WireValue } from './wire.ts'

/** Types that JSON writes as one value: how they stand on the wire, and what they say. */
interface ScalarType {
  readonly wireType: number
  read(value: WireValue): JsonValue
}

/** Plain protobuf scalars, and the few messages that JSON writes as one value. */
const SCALARS: Readonly<Record<string, ScalarType>> = {
  string: { wireType: BYTES, read: (value) => (value as Buffer).toString('utf8') },
  bytes: { wireType: BYTES, read: (value) => (value as Buffer).toString('base64') },
  bool: { wireType: VARINT, read: (value) => value !== 0n },
  int32: { wireType: VARINT, read: (value) => Number(BigInt.asIntN(32, value as bigint)) },
  int64: { wireType: VARINT, read: (value) => Number(BigInt.asIntN(64, value as bigint)) },
  double: { wireType: FIXED64, read: (value) => (value as Buffer).readDoubleLE(0) },
  quantity: { wireType: BYTES, read: (value) => part(value, 1, 'string') || '0' },
  time: { wireType: BYTES, read: (value) => instant(value, false) },
  microtime: { wireType: BYTES, read: (value) => instant(value, true) },
  intorstr: {
    wireType: BYTES,
    read: (value) => (part(value, 1, 'int32') === 1 ? (part(value, 3, 'string') ?? '') : (part(value, 2, 'int32') ?? 0)),
  },
  rawjson: { wireType: BYTES, read: rawJson },
}

export const isScalar = (type: string): boolean => Object.hasOwn(SCALARS, type)

/** Whether several of them may stand in one value of bytes. */
export const isPackable = (type: string): boolean => SCALARS[type]!.wireType === VARINT

/** A leaf of an API object as JSON. @throws WireError when it stands on the wire as something else. */
export function scalar(type: string, value: WireValue, wireType: number, field: string): JsonValue {
  const { wireType: wanted, read } = SCALARS[type]!
  if (wireType !== wanted) throw wrongType(wireType, field)
  return read(value)
}

/** What a value is that is not on the wire. */
export const zeroOf = (type: string): JsonValue =>
  SCALARS[type]!.read(SCALARS[type]!.wireType === VARINT ? 0n : Buffer.alloc(SCALARS[type]!.wireType === FIXED64 ? 8 : 0))

/** @param field As Go names it, or nearly: with a capital. */
export const wrongType = (wireType: number, field: string): WireError =>
  new WireError(`proto: wrong wireType = ${wireType} for field ${field.charAt(0).toUpperCase()}${field.slice(1)}`)

/** The last value of one field of a small message. */
function part(message: WireValue, wanted: number, type: string): JsonValue | undefined {
  let found: JsonValue | undefined
  for (const [number, value, wireType] of wireFields(message as Buffer)) if (number === wanted) found = scalar(type, value, wireType, type)
  return found
}

/** Source: runtime.RawExtension, meta/v1 FieldsV1 and apiextensions JSON, all {1: text}. */
function rawJson(value: WireValue): JsonValue {
  const text = part(value, 1, 'string') as string | undefined
  if (!text) return null
  try {
    return JSON.parse(text) as JsonValue
  } catch (error) {
    throw new WireError(`embedded JSON: ${(error as Error).message}`)
  }
}

/** Go's zero time, year 1, is no time at all. */
const ZERO_TIME_SECONDS = -62135596800
/** What RFC 3339 can write. */
const SECONDS_MAX = 253402300799
const NANOS_MAX = 999_999_999

/** Source: meta/v1 Time and MicroTime {1: seconds, 2: nanoseconds}. */
function instant(value: WireValue, isMicro: boolean): JsonValue {
  if ((value as Buffer).length === 0) return null
  const seconds = Number(part(value, 1, 'int64') ?? 0)
  const nanos = Number(part(value, 2, 'int32') ?? 0)
  if (seconds === ZERO_TIME_SECONDS) return null
  if (seconds < ZERO_TIME_SECONDS || seconds > SECONDS_MAX || nanos < 0 || nanos > NANOS_MAX) throw new WireError('time out of range')
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19)
  return isMicro ? `${whole}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z` : `${whole}Z`
}
