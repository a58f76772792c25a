import type { JsonValue } from '@bramble/api/object'
import { WireError, wireFields, type WireValue } from './wire.ts'

/** A leaf of an API object as JSON: plain protobuf scalars, and the few messages that JSON writes as one value. */
export function scalar(type: string, value: WireValue): JsonValue {
  switch (type) {
    case 'string':
      return bytes(value).toString('utf8')
    case 'bytes':
      return bytes(value).toString('base64')
    case 'bool':
      return varint(value) !== 0n
    case 'int32':
      return Number(BigInt.asIntN(32, varint(value)))
    case 'int64':
      return Number(BigInt.asIntN(64, varint(value)))
    case 'double':
      return double(value)
    case 'quantity':
      return fieldsOf(value).get(1)?.toString() || '0'
    case 'time':
      return instant(fieldsOf(value), false)
    case 'microtime':
      return instant(fieldsOf(value), true)
    case 'intorstr':
      return intOrString(fieldsOf(value))
    case 'rawjson':
      return rawJson(fieldsOf(value))
    default:
      throw new Error(`unknown scalar type ${type}`)
  }
}

/** The newest value of each field of a small message. */
const fieldsOf = (value: WireValue): ReadonlyMap<number, WireValue> => new Map(wireFields(bytes(value)))

function bytes(value: WireValue): Buffer {
  if (!(value instanceof Uint8Array)) throw new WireError('wrong wire type')
  return value as Buffer
}

function varint(value: WireValue): bigint {
  if (typeof value !== 'bigint') throw new WireError('wrong wire type')
  return value
}

function double(value: WireValue): number {
  if (typeof value !== 'number') throw new WireError('wrong wire type')
  return value
}

/** Source: intstr.IntOrString {1: type (0 number, 1 string), 2: int, 3: string}. */
function intOrString(fields: ReadonlyMap<number, WireValue>): JsonValue {
  const isString = varint(fields.get(1) ?? 0n) !== 0n
  return isString ? scalar('string', fields.get(3) ?? Buffer.alloc(0)) : scalar('int32', fields.get(2) ?? 0n)
}

/** Source: runtime.RawExtension, meta/v1 FieldsV1 and apiextensions JSON, all {1: text}. */
function rawJson(fields: ReadonlyMap<number, WireValue>): JsonValue {
  const text = fields.get(1)
  if (text === undefined || bytes(text).length === 0) return null
  try {
    return JSON.parse(bytes(text).toString('utf8')) as JsonValue
  } catch (error) {
    throw new WireError(`embedded JSON: ${(error as Error).message}`)
  }
}

/** Go's zero time, year 1, is no time at all. */
const ZERO_TIME_SECONDS = -62135596800n
/** What a Date can hold, cut to years that RFC 3339 can write. */
const SECONDS_MAX = 253402300799n

/** Source: meta/v1 Time and MicroTime {1: seconds, 2: nanoseconds}. */
function instant(fields: ReadonlyMap<number, WireValue>, micro: boolean): JsonValue {
  if (fields.size === 0) return null
  const seconds = BigInt.asIntN(64, varint(fields.get(1) ?? 0n))
  const nanos = BigInt.asIntN(32, varint(fields.get(2) ?? 0n))
  if (seconds === ZERO_TIME_SECONDS) return null
  if (seconds < ZERO_TIME_SECONDS || seconds > SECONDS_MAX) throw new WireError('time out of range')
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19)
  return micro ? `${whole}.${String(nanos / 1000n).padStart(6, '0')}Z` : `${whole}Z`
}
