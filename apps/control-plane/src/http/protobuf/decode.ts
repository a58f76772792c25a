import type { JsonObject, JsonValue } from '@bramble/api/object'
import { FieldTable, type Field, type FieldType } from './fields.ts'
import { scalar } from './scalars.ts'
import { WireError, wireFields, type WireValue } from './wire.ts'

const MAGIC = Buffer.from('k8s\0', 'latin1')
/** Deeper than any API type goes, schemas of custom resources included. */
const DEPTH_MAX = 100
/** More than any honest body of 3 MiB holds; keeps a body of empty messages from filling the memory. */
const VALUES_MAX = 500_000

let table: FieldTable | undefined

/**
 * An object in the encoding of `application/vnd.kubernetes.protobuf`, as JSON: what Go would print after decoding it.
 * Fields that we do not know are skipped, as every protobuf reader does.
 *
 * @throws WireError when it is malformed, or of a kind that has no such encoding.
 * @see Source: k8s.io/apimachinery runtime/serializer/protobuf, runtime.Unknown.
 */
export function decodeProtobuf(body: Buffer): JsonObject {
  if (!body.subarray(0, MAGIC.length).equals(MAGIC))
    throw new WireError('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]')
  let type: Buffer = Buffer.alloc(0)
  let raw: Buffer = Buffer.alloc(0)
  for (const [number, value] of wireFields(body.subarray(MAGIC.length))) {
    if (number === 1) type = bytesOf(value)
    if (number === 2) raw = bytesOf(value)
  }
  const [apiVersion, kind] = [1, 2].map((wanted) => textField(type, wanted))
  table ??= new FieldTable()
  const name = table.messageOf(apiVersion!, kind!)
  if (name === undefined)
    throw new WireError(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in protobuf`)
  return { apiVersion: apiVersion!, kind: kind!, ...(new Decoder(table).message(name, raw, 0) as JsonObject) }
}

function textField(bytes: Buffer, wanted: number): string {
  for (const [number, value] of wireFields(bytes)) if (number === wanted) return bytesOf(value).toString('utf8')
  return ''
}

function bytesOf(value: WireValue | undefined): Buffer {
  if (!(value instanceof Uint8Array)) throw new WireError('wrong wire type')
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
    for (const [number, value] of wireFields(bytes)) {
      const field = fields.get(number)
      if (!field) continue
      if (++this.#values > VALUES_MAX) throw new WireError('too many values')
      if (field.inline)
        for (const [key, inner] of Object.entries(this.message(field.type.name, bytesOf(value), depth + 1) as JsonObject))
          result.set(key, inner!)
      else if (field.type.is === 'map') this.#entry(result, field, bytesOf(value), depth)
      else if (field.repeated) this.#append(result, field, value, depth)
      else this.#set(result, field, value, depth)
    }
    const whole = [...result.keys()].findLast((key) => key.startsWith('='))
    return whole === undefined ? Object.fromEntries(result) : result.get(whole)!
  }

  #set(result: Map<string, JsonValue>, field: Field, value: WireValue, depth: number): void {
    const decoded = this.#value(field.type, value, depth)
    if (decoded === null && !field.always) return
    const zero = decoded === '' || decoded === 0 || decoded === false
    if (zero && !field.pointer && !field.always) return
    result.set(field.name, decoded)
  }

  #append(result: Map<string, JsonValue>, field: Field, value: WireValue, depth: number): void {
    const list = (result.get(field.name) ?? []) as JsonValue[]
    list.push(this.#value(field.type, value, depth))
    result.set(field.name, list)
  }

  #entry(result: Map<string, JsonValue>, field: Field, bytes: Buffer, depth: number): void {
    let key = ''
    let value: WireValue | undefined
    for (const [number, part] of wireFields(bytes)) {
      if (number === 1) key = bytesOf(part).toString('utf8')
      if (number === 2) value = part
    }
    const entry = this.#value(field.type.of!, value ?? Buffer.alloc(0), depth)
    const before = (result.get(field.name) ?? {}) as Record<string, JsonValue>
    Object.defineProperty(before, key, { value: entry, enumerable: true, configurable: true, writable: true }) // even `__proto__`
    result.set(field.name, before)
  }

  #value(type: FieldType, value: WireValue, depth: number): JsonValue {
    if (type.is === 'scalar') return scalar(type.name, value)
    const bytes = bytesOf(value)
    if (type.is === 'message') return this.message(type.name, bytes, depth + 1)
    const items: JsonValue[] = []
    for (const [number, item] of wireFields(bytes)) if (number === 1) items.push(this.#value(type.of!, item, depth + 1))
    return items
  }
}
