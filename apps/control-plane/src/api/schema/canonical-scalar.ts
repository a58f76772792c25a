import { canonicalQuantity, QuantityError } from '@bramble/api/canonical-quantity'
import type { JsonValue } from '@bramble/api/object'
import { canonicalBase64 } from './go-bytes.ts'
import { canonicalTime } from './go-time.ts'
import { goKind, numberText, TypeMismatch } from './go-types.ts'
import type { ObjectSchema, PropertySchema } from './object-schema.ts'

export type Scalar = Exclude<ObjectSchema, { type: 'object' | 'map' | 'array' | 'any' | 'ref' }> & Pick<PropertySchema, 'goType'>

/** What is stored of a value (undefined: nothing), or what is wrong with it. */
export type Read =
  | { readonly value: JsonValue | undefined }
  | {
      /** What was found, as Go calls it: `string`, `number 1.5`. */
      readonly wrong: string
      /** Of which type it should be. Default: that of the field. */
      readonly type?: string
      /** Types that read themselves stop everything; others wait for what else is wrong. */
      readonly atOnce?: true
    }
  /** A message of its own, which waits for what else is wrong. */
  | { readonly malformed: string }

/**
 * One scalar as it is stored: quantities, times and bytes in one form.
 *
 * @param literal How a number was written, where it prints differently.
 * @throws TypeMismatch for malformed quantities and times.
 */
export function canonicalScalar(schema: Scalar, value: JsonValue, literal: string | undefined): Read {
  switch (schema.type) {
    case 'string':
      return readText(schema.format, value)
    case 'boolean':
      return typeof value === 'boolean' ? { value } : { wrong: goKind(value) }
    case 'number':
      return typeof value === 'number' ? finite(value, literal) : { wrong: goKind(value) }
    case 'integer':
      return typeof value === 'number' ? integer(value, schema.format, literal) : { wrong: goKind(value) }
    case 'int-or-string': {
      if (typeof value === 'string') return { value }
      const read = typeof value === 'number' ? integer(value, 'int32', literal) : { wrong: goKind(value) }
      return 'wrong' in read ? { ...read, type: 'int32', atOnce: true } : read
    }
    case 'quantity':
      return {
        value: quantity(typeof value === 'object' || typeof value === 'boolean' ? JSON.stringify(value) : (literal ?? String(value))),
      }
  }
}

function readText(format: 'date-time' | 'micro-time' | 'byte' | undefined, value: JsonValue): Read {
  if (format === 'byte') return readBytes(value)
  if (format === undefined) return typeof value === 'string' ? { value } : { wrong: goKind(value) }
  return typeof value === 'string'
    ? { value: canonicalTime(value, format === 'micro-time') }
    : { wrong: goKind(value), type: 'string', atOnce: true }
}

/** Bytes are base64, or a list of numbers. */
function readBytes(value: JsonValue): Read {
  if (Array.isArray(value)) {
    const wrong = (value as readonly JsonValue[]).find((byte) => typeof byte !== 'number' || !(byte >= 0 && byte <= 255))
    if (wrong !== undefined) return { wrong: typeof wrong === 'number' ? numberText(wrong, undefined) : goKind(wrong), type: 'uint8' }
    return { value: Buffer.from(value as number[]).toString('base64') }
  }
  if (typeof value !== 'string') return { wrong: goKind(value) }
  try {
    return { value: canonicalBase64(value) }
  } catch (error) {
    return { malformed: (error as Error).message }
  }
}

const finite = (value: number, literal: string | undefined): Read =>
  Number.isFinite(value) ? { value } : { wrong: numberText(value, literal) }

/** Only digits count: `1.0` and `1e3` are no integers to Go. */
function integer(value: number, format: 'int32' | 'int64', literal: string | undefined): Read {
  const isWritten = literal === undefined || /^-?\d+$/.test(literal)
  const fits = format === 'int32' ? value >= -(2 ** 31) && value < 2 ** 31 : fitsInt64(literal ?? value)
  return Number.isInteger(value) && isWritten && fits ? { value } : { wrong: numberText(value, literal) }
}

const fitsInt64 = (value: string | number): boolean =>
  typeof value === 'string' && !/^-?\d{1,40}$/.test(value)
    ? false
    : Number.isInteger(Number(value)) && BigInt.asIntN(64, BigInt(value)) === BigInt(value)

function quantity(text: string): string {
  try {
    return canonicalQuantity(text)
  } catch (error) {
    throw error instanceof QuantityError ? new TypeMismatch(error.message) : error
  }
}
