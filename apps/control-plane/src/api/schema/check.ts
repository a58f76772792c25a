import { QUANTITY_RULE, quantityValue } from '@bramble/api/quantity'
import type { JsonObject, JsonValue } from '@bramble/api/object'
import { badRequest } from '@bramble/api/status-error'
import { resolve } from './definitions.ts'
import type { ObjectSchema } from './object-schema.ts'

/** A value of the wrong type; the message is that of Go's JSON decoder, which clients know. */
export class TypeMismatch extends Error {
  override name = 'TypeMismatch'
}

export interface Checked {
  /** A copy that may be changed: unknown fields and nulls are gone. */
  readonly value: Record<string, JsonValue>
  /** Paths of fields that the schema does not have, in document order: `spec.containers[0].foo`. */
  readonly unknown: readonly string[]
}

/** Source: apiextensions and sigs.k8s.io/json bound nesting far above any real object; ours is lower. */
export const DEPTH_MAX = 100
const UNKNOWN_MAX = 100

/**
 * Reads a decoded body as an object of `schema`. Whether required fields are there is left to validation, as in Kubernetes.
 *
 * @throws TypeMismatch where a value has the wrong type; StatusError 400 when it is nested too deep or has a `__proto__` key.
 */
export function checkObject(schema: ObjectSchema, body: JsonObject): Checked {
  const unknown: string[] = []
  const value = read({ schema, value: body, path: '', fields: [], struct: undefined, depth: 0, unknown })
  return { value: value as Record<string, JsonValue>, unknown }
}

interface Place {
  readonly schema: ObjectSchema
  readonly value: JsonValue
  /** With list indices, for people. */
  readonly path: string
  /** Without, as Go's decoder names it. */
  readonly fields: readonly string[]
  /** Name of the Go struct that has the field. */
  readonly struct: string | undefined
  readonly depth: number
  readonly unknown: string[]
}

function read(place: Place): JsonValue {
  if (place.depth > DEPTH_MAX) throw badRequest(`the object is nested more than ${DEPTH_MAX} levels deep`)
  const schema = resolve(place.schema)
  const { value } = place
  if (value === null) return zeroOf(schema)
  switch (schema.type) {
    case 'object':
      return readStruct(place, schema.properties)
    case 'map':
      return readMap(place, schema.values)
    case 'array':
      return readArray(place, schema.items)
    case 'any':
      return copyAny(value, place.depth)
    default:
      return readScalar(place, schema)
  }
}

function readStruct(place: Place, properties: Readonly<Record<string, ObjectSchema>>): JsonValue {
  const { value, path, fields, depth, unknown } = place
  if (!isObject(value)) throw mismatch(place)
  const struct = place.schema.type === 'ref' ? shortName(place.schema.ref) : (place.struct ?? '')
  const result: Record<string, JsonValue> = {}
  for (const [name, inner] of Object.entries(value)) {
    const innerPath = path === '' ? name : `${path}.${name}`
    if (!Object.hasOwn(properties, name)) {
      if (unknown.length < UNKNOWN_MAX) unknown.push(innerPath)
      continue
    }
    if (inner === null || inner === undefined) continue
    result[name] = read({
      schema: properties[name]!,
      value: inner,
      path: innerPath,
      fields: [...fields, name],
      struct,
      depth: depth + 1,
      unknown,
    })
  }
  return result
}

function readMap(place: Place, values: ObjectSchema): JsonValue {
  const { value, path, depth } = place
  if (!isObject(value)) throw mismatch(place)
  const result: Record<string, JsonValue> = {}
  for (const [name, inner] of Object.entries(value))
    if (inner !== undefined)
      result[checkedKey(name)] = read({ ...place, schema: values, value: inner, path: `${path}.${name}`, depth: depth + 1 })
  return result
}

function readArray(place: Place, items: ObjectSchema): JsonValue {
  const { value, path, depth } = place
  if (!Array.isArray(value)) throw mismatch(place)
  return (value as readonly JsonValue[]).map((item, index) =>
    read({ ...place, schema: items, value: item, path: `${path}[${index}]`, depth: depth + 1 }),
  )
}

type Scalar = Exclude<ObjectSchema, { type: 'object' | 'map' | 'array' | 'any' | 'ref' }>

function readScalar(place: Place, schema: Scalar): JsonValue {
  const { value } = place
  switch (schema.type) {
    case 'string':
      if (typeof value !== 'string') throw mismatch(place)
      checkFormat(value, schema.format)
      return value
    case 'boolean':
      if (typeof value !== 'boolean') throw mismatch(place)
      return value
    case 'number':
      if (typeof value !== 'number') throw mismatch(place)
      return value
    case 'integer':
      if (typeof value !== 'number') throw mismatch(place)
      if (!fits(value, schema.format)) throw mismatch(place, `number ${value}`)
      return value
    case 'int-or-string':
      if (typeof value === 'number' ? !fits(value, 'int32') : typeof value !== 'string') throw mismatch(place)
      return value
    case 'quantity':
      if (typeof value !== 'string' && typeof value !== 'number') throw mismatch(place)
      if (quantityValue(value) === undefined) throw new TypeMismatch(QUANTITY_RULE)
      return String(value)
  }
}

const fits = (value: number, format: 'int32' | 'int64'): boolean =>
  Number.isInteger(value) && (format === 'int32' ? value >= -(2 ** 31) && value < 2 ** 31 : Math.abs(value) <= 2 ** 63)

const DATE_TIME = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

function checkFormat(value: string, format: 'date-time' | 'micro-time' | 'byte' | undefined): void {
  if (format === 'byte') {
    const wrong = BASE64.test(value.replace(/[\r\n]/g, '')) ? -1 : Math.max(0, value.search(/[^A-Za-z0-9+/\r\n]/))
    if (wrong >= 0) throw new TypeMismatch(`illegal base64 data at input byte ${wrong}`)
  } else if (format !== undefined && !DATE_TIME.test(value))
    throw new TypeMismatch(`parsing time ${JSON.stringify(JSON.stringify(value))} as "\\"2006-01-02T15:04:05Z07:00\\"": cannot parse it`)
}

/** What Go leaves in a list or map where JSON says null. */
function zeroOf(schema: ReturnType<typeof resolve>): JsonValue {
  switch (schema.type) {
    case 'string':
      return ''
    case 'boolean':
      return false
    case 'integer':
    case 'number':
    case 'int-or-string':
      return 0
    case 'quantity':
      return '0'
    case 'any':
      return null
    case 'array':
      return []
    default:
      return {}
  }
}

function copyAny(value: JsonValue, depth: number): JsonValue {
  if (depth > DEPTH_MAX) throw badRequest(`the object is nested more than ${DEPTH_MAX} levels deep`)
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map((item) => copyAny(item, depth + 1))
  if (!isObject(value)) return value
  const result: Record<string, JsonValue> = {}
  for (const [name, inner] of Object.entries(value)) if (inner !== undefined) result[checkedKey(name)] = copyAny(inner, depth + 1)
  return result
}

/** Assigning to this key would change the object's prototype instead of its content. */
export function checkedKey(name: string): string {
  if (name === '__proto__') throw badRequest('the key "__proto__" is not allowed')
  return name
}

export const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function mismatch({ schema, value, fields, struct }: Place, found = kindOf(value)): TypeMismatch {
  const where = struct === undefined ? 'Go value' : `Go struct field ${struct}.${fields.join('.')}`
  return new TypeMismatch(`json: cannot unmarshal ${found} into ${where} of type ${goType(schema)}`)
}

function kindOf(value: JsonValue): string {
  if (Array.isArray(value)) return 'array'
  return typeof value === 'boolean' ? 'bool' : typeof value
}

function goType(schema: ObjectSchema): string {
  switch (schema.type) {
    case 'ref':
      return schema.ref.split('.').slice(-2).join('.')
    case 'array':
      return `[]${goType(schema.items)}`
    case 'map':
      return `map[string]${goType(schema.values)}`
    case 'integer':
      return schema.format
    case 'number':
      return 'float64'
    case 'boolean':
      return 'bool'
    case 'quantity':
      return 'resource.Quantity'
    case 'int-or-string':
      return 'intstr.IntOrString'
    case 'string':
      return schema.format === 'byte' ? '[]uint8' : schema.format === undefined ? 'string' : 'v1.Time'
    case 'object':
      return 'struct'
    case 'any':
      return 'interface {}'
  }
}

const shortName = (ref: string): string => ref.slice(ref.lastIndexOf('.') + 1)
