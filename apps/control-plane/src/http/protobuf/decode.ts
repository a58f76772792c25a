import type { JsonObject, JsonValue } from '@bramble/api/object'
import { FieldTable, type Field, type FieldType } from './fields.ts'
import { isPackable, scalar, wrongType, zeroOf } from './scalars.ts'
import { BYTES, packedVarints, VARINT, WireError, type WireField, wireFields, type WireValue } from './wire.ts'

const MAGIC = Buffer.from('k8s\0', 'latin1')
/** Deeper than any API type goes, schemas of custom resources included. */
const DEPTH_MAX = 100
/** More than any honest body of 3 MiB holds; keeps a body of empty messages from filling the memory. */
const VALUES_MAX = 500_000

/** What is wrong in an object whose kind is known. */
export class ObjectWireError extends WireError {
  readonly apiVersion: string
  readonly kind: string

  constructor(message: string, apiVersion: string, kind: string) {
    super(message)
    this.name = 'ObjectWireError'
    this.apiVersion = apiVersion
    this.kind = kind
  }
}

let table: FieldTable | undefined

/**
 * An object in the encoding of `application/vnd.kubernetes.protobuf`, as JSON: what Go would print after decoding it.
 * Fields that we do not know are skipped, as every protobuf reader does.
 *
 * @param expected Counts where the body does not say what it is.
 * @throws WireError when it is malformed; ObjectWireError when the object in it is, or is of a kind that has no such encoding.
 * @see Source: k8s.io/apimachinery runtime/serializer/protobuf, runtime.Unknown.
 */
export function decodeProtobuf(body: Buffer, expected: { readonly apiVersion: string; readonly kind: string }): JsonObject {
  const { raw, ...found } = openEnvelope(body)
  const kind = found.kind || expected.kind
  const apiVersion = found.apiVersion || expected.apiVersion
  table ??= new FieldTable()
  const name = table.messageOf(apiVersion, kind)
  try {
    if (name === undefined)
      throw new WireError(
        `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme "pkg/api/legacyscheme/scheme.go:30"`,
      )
    return { apiVersion, kind, ...(new Decoder(table).message(name, raw, 0) as JsonObject) }
  } catch (error) {
    throw error instanceof WireError ? new ObjectWireError(error.message, apiVersion, kind) : error
  }
}

/** runtime.Unknown{1: TypeMeta{1: apiVersion, 2: kind}, 2: raw, 3: contentEncoding, 4: contentType}; the last two mean nothing here. */
function openEnvelope(body: Buffer): { readonly apiVersion: string; readonly kind: string; readonly raw: Buffer } {
  if (body.length === 0) throw new WireError('empty data')
  if (!body.subarray(0, MAGIC.length).equals(MAGIC))
    throw new WireError('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]')
  if (body.length === MAGIC.length) throw new WireError('empty body')
  const parts = new Map<number, Buffer>()
  const names = ['', 'typeMeta', 'raw', 'contentEncoding', 'contentType']
  for (const [number, value, wireType] of wireFields(body.subarray(MAGIC.length)))
    if (number < names.length) parts.set(number, bytesOf(value, wireType, names[number]!))
  const typeMeta = parts.get(1) ?? Buffer.alloc(0)
  return { apiVersion: textField(typeMeta, 1, 'apiVersion'), kind: textField(typeMeta, 2, 'kind'), raw: parts.get(2) ?? Buffer.alloc(0) }
}

function textField(bytes: Buffer, wanted: number, name: string): string {
  let found = ''
  for (const [number, value, wireType] of wireFields(bytes)) if (number === wanted) found = bytesOf(value, wireType, name).toString('utf8')
  return found
}

function bytesOf(value: WireValue, wireType: number, field: string): Buffer {
  if (wireType !== BYTES) throw wrongType(wireType, field)
  return value as Buffer
}

class Decoder {
  readonly #table: FieldTable
  #values = 0

  constructor(fields: FieldTable) {
    this.#table = fields
  }

  message(name: string, bytes: Buffer, depth: number): JsonValue {
    if (depth > DEPTH_MAX) throw new WireError('exceeded max depth')
    const fields = this.#table.message(name)
    const result = new Map<string, JsonValue>()
    const messages = new Map<Field, Buffer>()
    for (const wireField of wireFields(bytes)) {
      const field = fields.get(wireField[0])
      if (!field) continue
      if (++this.#values > VALUES_MAX) throw new WireError('too many values')
      const [, value, wireType] = wireField
      if (field.type.is === 'message' && !field.repeated) {
        // A message that comes again adds to the first, which is what their bytes together say.
        const before = messages.get(field)
        const part = bytesOf(value, wireType, field.name)
        messages.set(field, before === undefined ? part : Buffer.concat([before, part]))
        if (before === undefined && !field.inline) result.set(field.name, {}) // keeps its place
      } else if (field.type.is === 'map') this.#entry(result, field, bytesOf(value, wireType, field.name), depth)
      else if (field.repeated) this.#append(result, field, wireField, depth)
      else this.#set(result, field, this.#value(field, wireField, depth))
    }
    for (const [field, part] of messages) this.#setMessage(result, field, part, depth)
    const whole = [...result.keys()].findLast((key) => key.startsWith('='))
    return whole === undefined ? Object.fromEntries(result) : result.get(whole)!
  }

  #setMessage(result: Map<string, JsonValue>, field: Field, bytes: Buffer, depth: number): void {
    const value = this.message(field.type.name, bytes, depth + 1)
    if (!field.inline) result.set(field.name, value)
    else for (const [key, inner] of Object.entries(value as JsonObject)) result.set(key, inner!)
  }

  #set(result: Map<string, JsonValue>, field: Field, decoded: JsonValue): void {
    if (decoded === null && !field.always) return
    const isZero = decoded === '' || decoded === 0 || decoded === false
    if (isZero && !field.pointer && !field.always) return
    result.set(field.name, decoded)
  }

  #append(result: Map<string, JsonValue>, field: Field, wireField: WireField, depth: number): void {
    const list = (result.get(field.name) ?? []) as JsonValue[]
    const [number, value, wireType] = wireField
    if (wireType === BYTES && field.type.is === 'scalar' && isPackable(field.type.name))
      for (const each of packedVarints(value as Buffer)) {
        if (++this.#values > VALUES_MAX) throw new WireError('too many values')
        list.push(this.#value(field, [number, each, VARINT], depth))
      }
    else list.push(this.#value(field, wireField, depth))
    result.set(field.name, list)
  }

  #entry(result: Map<string, JsonValue>, field: Field, bytes: Buffer, depth: number): void {
    const of = { ...field, type: field.type.of! }
    let key = ''
    let entry: JsonValue | undefined
    for (const wireField of wireFields(bytes)) {
      if (wireField[0] === 1) key = bytesOf(wireField[1], wireField[2], field.name).toString('utf8')
      if (wireField[0] === 2) entry = this.#value(of, wireField, depth)
    }
    const before = (result.get(field.name) ?? {}) as Record<string, JsonValue>
    const value = entry ?? this.#emptyValue(of.type, depth)
    Object.defineProperty(before, key, { value, enumerable: true, configurable: true, writable: true }) // even `__proto__`
    result.set(field.name, before)
  }

  #emptyValue(type: FieldType, depth: number): JsonValue {
    if (type.is === 'scalar') return zeroOf(type.name)
    return type.is === 'message' ? this.message(type.name, Buffer.alloc(0), depth + 1) : []
  }

  #value({ type, name }: Pick<Field, 'type' | 'name'>, [, value, wireType]: WireField, depth: number): JsonValue {
    if (type.is === 'scalar') return scalar(type.name, value, wireType, name)
    const bytes = bytesOf(value, wireType, name)
    if (type.is === 'message') return this.message(type.name, bytes, depth + 1)
    const items: JsonValue[] = []
    for (const item of wireFields(bytes)) if (item[0] === 1) items.push(this.#value({ type: type.of!, name: 'items' }, item, depth + 1))
    return items
  }
}
