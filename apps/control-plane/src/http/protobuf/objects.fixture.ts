import type { JsonValue } from '@bramble/api/object'
import fc from 'fast-check'
import { bytes, type Written } from './encode.fixture.ts'
import type { Field, FieldTable, FieldType } from './fields.ts'

// Objects of any kind, as JSON, and how Go writes them: for tests that read them back.

const DEPTH_MAX = 4
type Value = Record<string, JsonValue>

/** What Go would print of an object: fields that are always there, and some of the others. */
export function anyMessage(table: FieldTable, name: string, depth = 0): fc.Arbitrary<JsonValue> {
  const fields = [...table.message(name).values()]
  const wholes = fields.filter((field) => field.name.startsWith('='))
  if (wholes.length > 0) return fc.oneof(...wholes.map((field) => anyWhole(table, field, depth)))
  const own = fields.filter((field) => !field.inline)
  const inlined = fields.filter((field) => field.inline).map((field) => anyMessage(table, field.type.name, depth) as fc.Arbitrary<Value>)
  const required = own.filter((field) => isStruct(field) || isAlways(field))
  const optional = depth >= DEPTH_MAX ? [] : own.filter((field) => !required.includes(field))
  const model = Object.fromEntries([...required, ...optional].map((field) => [field.name, anyField(table, field, depth)]))
  const record = fc.record(model, { requiredKeys: required.map((field) => field.name) }) as fc.Arbitrary<Value>
  return fc.tuple(record, ...inlined).map((parts) => Object.assign({}, ...parts) as Value)
}

const anyWhole = (table: FieldTable, field: Field, depth: number): fc.Arbitrary<JsonValue> =>
  depth >= DEPTH_MAX
    ? (field.repeated ? fc.constant([]) : fc.constant({})).map((value) => value as JsonValue)
    : anyField(table, field, depth)

/** Structs that are no pointers are on the wire even when nothing is in them. */
const isStruct = ({ type, repeated, pointer }: Field): boolean => type.is === 'message' && !repeated && !pointer
/** Lists and times that are not there are null, which says nothing. */
const isAlways = ({ always, pointer, repeated, type }: Field): boolean =>
  always && !pointer && !repeated && type.is === 'scalar' && !['time', 'microtime', 'rawjson'].includes(type.name)

function anyField(table: FieldTable, field: Field, depth: number): fc.Arbitrary<JsonValue> {
  const value = anyValue(table, field.type, depth + 1)
  if (field.type.is === 'map')
    return fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), value, { minKeys: 1, maxKeys: 2, noNullPrototype: true })
  if (field.repeated) return fc.array(value, { minLength: 1, maxLength: 2 })
  const mayBeZero = field.pointer || field.always || field.type.is !== 'scalar'
  return mayBeZero ? value : value.filter((each) => each !== '' && each !== 0 && each !== false)
}

function anyValue(table: FieldTable, type: FieldType, depth: number): fc.Arbitrary<JsonValue> {
  switch (type.is) {
    case 'scalar':
      return SCALARS[type.name]!
    case 'message':
      return anyMessage(table, type.name, depth)
    case 'map':
      return anyValue(table, type.of!, depth)
    case 'items':
      return fc.array(anyValue(table, type.of!, depth), { maxLength: 2 })
  }
}

const seconds = fc.integer({ min: 0, max: 4_000_000_000 })
const SCALARS: Readonly<Record<string, fc.Arbitrary<JsonValue>>> = {
  string: fc.string({ unit: 'grapheme', maxLength: 8 }),
  bytes: fc.uint8Array({ maxLength: 8 }).map((value) => Buffer.from(value).toString('base64')),
  bool: fc.boolean(),
  int32: fc.integer(),
  int64: fc.maxSafeInteger(),
  double: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
  quantity: fc.constantFrom('0', '1', '500m', '64Mi'),
  time: seconds.map((value) => `${new Date(value * 1000).toISOString().slice(0, 19)}Z`),
  microtime: fc.tuple(seconds, fc.integer({ min: 0, max: 999_999 })).map(([value, micros]) => {
    return `${new Date(value * 1000).toISOString().slice(0, 19)}.${String(micros).padStart(6, '0')}Z`
  }),
  intorstr: fc.oneof(fc.integer(), fc.string({ maxLength: 5 })),
  rawjson: fc.oneof(
    fc.boolean(),
    fc.string(),
    fc.dictionary(fc.string(), fc.integer(), { noNullPrototype: true }),
  ) as fc.Arbitrary<JsonValue>,
}

/** An object on the wire as Go writes it: plain fields always, with their zero when the JSON does not have them. */
export function encodeMessage(table: FieldTable, name: string, value: JsonValue): Buffer {
  const written: (readonly [number, Written[number][1]])[] = []
  for (const [number, field] of table.message(name)) {
    if (field.name.startsWith('=')) written.push(...encodeWhole(table, number, field, value))
    else if (field.inline) written.push([number, encodeMessage(table, field.type.name, value)])
    else written.push(...encodeField(table, number, field, (value as Value)[field.name]))
  }
  return bytes(written)
}

/** A value of several types: each field writes what is of its type. */
function encodeWhole(table: FieldTable, number: number, field: Field, value: JsonValue): Written {
  const fits = field.repeated ? Array.isArray(value) : field.type.is === 'scalar' ? typeof value === 'boolean' : isObject(value)
  if (fits) return encodeField(table, number, field, value)
  return field.type.name === 'bool' ? [[number, true]] : []
}
const isObject = (value: JsonValue): boolean => typeof value === 'object' && value !== null && !Array.isArray(value)

function encodeField(table: FieldTable, number: number, field: Field, value: JsonValue | undefined): Written {
  const { type, repeated, pointer } = field
  if (type.is === 'map')
    return Object.entries((value ?? {}) as Value).map(
      ([key, each]) =>
        [
          number,
          [
            [1, key],
            [2, encodeValue(table, type.of!, each)],
          ],
        ] as const,
    )
  if (repeated) return ((value ?? []) as JsonValue[]).map((each) => [number, encodeValue(table, type, each)] as const)
  if (value !== undefined) return [[number, encodeValue(table, type, value)]]
  return pointer ? [] : [[number, type.is === 'message' ? encodeMessage(table, type.name, {}) : ZEROS[type.name]!]]
}

type Part = Written[number][1]
const ZEROS: Readonly<Record<string, Part>> = {
  string: '',
  bytes: '',
  bool: false,
  int32: 0,
  int64: 0,
  double: { double: 0 },
  quantity: [[1, '']],
  time: '',
  microtime: '',
  intorstr: [
    [1, 0],
    [2, 0],
    [3, ''],
  ],
  rawjson: '',
}

function encodeValue(table: FieldTable, type: FieldType, value: JsonValue): Part {
  if (type.is === 'message') return encodeMessage(table, type.name, value)
  if (type.is === 'items') return (value as JsonValue[]).map((each) => [1, encodeValue(table, type.of!, each)] as const)
  return encodeScalar(type.name, value)
}

function encodeScalar(type: string, value: JsonValue): Part {
  switch (type) {
    case 'bytes':
      return Buffer.from(value as string, 'base64')
    case 'double':
      return { double: value as number }
    case 'quantity':
      return [[1, value as string]]
    case 'time':
      return [
        [1, Date.parse(value as string) / 1000],
        [2, 0],
      ]
    case 'microtime':
      return [
        [1, Math.floor(Date.parse(value as string) / 1000)],
        [2, Number((value as string).slice(20, 26)) * 1000],
      ]
    case 'intorstr':
      return typeof value === 'number'
        ? [
            [1, 0],
            [2, BigInt(value)],
            [3, ''],
          ]
        : [
            [1, 1],
            [2, 0],
            [3, value as string],
          ]
    case 'rawjson':
      return [[1, JSON.stringify(value)]]
    case 'int32':
    case 'int64':
      return BigInt(value as number)
    default:
      return value as string | boolean
  }
}
