import type { JsonObject, JsonValue } from '@bramble/api/object'
import { badRequest } from '@bramble/api/status-error'
import { canonicalScalar, type Scalar } from './canonical-scalar.ts'
import { resolve } from './definitions.ts'
import { elementOf, goKind, goType, structName, TypeMismatch } from './go-types.ts'
import type { ObjectSchema, PropertySchema } from './object-schema.ts'
import { sourceOf } from './source-text.ts'

export { TypeMismatch } from './go-types.ts'

export interface Checked {
  /** A copy that may be changed: unknown fields and nulls are gone. */
  readonly value: Record<string, JsonValue>
  /** Paths of fields that the schema does not have, in document order: `spec.containers[0].foo`. */
  readonly unknown: readonly string[]
  /** Unknown fields, and repeated ones where the text of the body is known, in document order: `unknown field "spec.foo"`. */
  readonly strict?: readonly string[]
}

/** Source: apiextensions and sigs.k8s.io/json bound nesting far above any real object; ours is lower. */
export const DEPTH_MAX = 100
/** Source: sigs.k8s.io/json, the number of strict errors it collects. */
const STRICT_MAX = 100

/**
 * Reads a decoded body as an object of `schema`: quantities, times and bytes get the form that is stored. Whether required
 * fields are there is left to validation, as in Kubernetes.
 *
 * @param name Of the object's type, for messages; default: that of its definition.
 * @throws TypeMismatch where a value has the wrong type; StatusError 400 when it is nested too deep or has a `__proto__` key.
 * @see Source: sigs.k8s.io/json, which decides what counts as wrong, which of several errors is told, and in what order.
 */
export function checkObject(schema: ObjectSchema, body: JsonObject, name = ''): Checked {
  const reader = new Reader()
  const value = reader.start(schema, body, name)
  return { value: value as Record<string, JsonValue>, unknown: reader.unknown, strict: [...reader.strict] }
}

class Reader {
  readonly unknown: string[] = []
  readonly strict = new Set<string>()
  /** Where we are, for people: with list indices. */
  readonly #path: (string | number)[] = []
  /** The same without indices and keys of maps, as Go's decoder tells it. */
  readonly #fields: string[] = []
  /** The Go struct that has the innermost field. */
  #struct = ''
  /** A value of the wrong type is told after everything was read: a malformed quantity or time further on goes first. */
  #mismatch: TypeMismatch | undefined

  start(schema: ObjectSchema, body: JsonObject, name: string): JsonValue {
    this.#struct = name
    const value = this.#read(schema, body, undefined)
    if (this.#mismatch) throw this.#mismatch
    return value!
  }

  /** Undefined when nothing is to be kept. @param literal How a number was written, if unusually. */
  #read(property: PropertySchema, value: JsonValue, literal: string | undefined): JsonValue | undefined {
    if (this.#path.length > DEPTH_MAX) throw tooDeep()
    const schema = resolve(property)
    if (value === null) return zeroOf(schema)
    switch (schema.type) {
      case 'object':
        return isObject(value) ? this.#readStruct(property, schema.properties, value) : this.#mismatched(property, value)
      case 'map':
        return isObject(value) ? this.#readMap(elementOf(property, schema.values), value) : this.#mismatched(property, value)
      case 'array':
        return Array.isArray(value) ? this.#readList(elementOf(property, schema.items), value) : this.#mismatched(property, value)
      case 'any':
        return copyAny(value, this.#path.length)
      default:
        return this.#readScalar({ ...schema, ...(property.goType && { goType: property.goType }) }, value, literal)
    }
  }

  #readStruct(property: PropertySchema, properties: Readonly<Record<string, PropertySchema>>, value: JsonObject): JsonValue {
    const outer = this.#struct
    const struct = property.type === 'ref' ? structName(property.ref) : outer
    const source = sourceOf(value)
    const seen = source?.keys && new Set<string>()
    const result: Record<string, JsonValue> = {}
    for (const name of source?.keys ?? Object.keys(value)) {
      const inner = value[name]
      if (!Object.hasOwn(properties, name)) this.#isUnknown(name)
      else if (seen?.has(name)) this.#isRepeated(name)
      else if (inner !== null && inner !== undefined) {
        this.#path.push(name)
        this.#fields.push(name)
        this.#struct = struct
        const property = properties[name]!
        const read = this.#read(property, inner, source?.numbers?.get(name))
        if (read !== undefined && !(property.omitsZero && isZero(read))) result[name] = read
        this.#fields.pop()
        this.#path.pop()
      }
      seen?.add(name)
    }
    this.#struct = outer
    return result
  }

  #readMap(values: PropertySchema, value: JsonObject): JsonValue {
    const source = sourceOf(value)
    const seen = source?.keys && new Set<string>()
    const result: Record<string, JsonValue> = {}
    for (const name of source?.keys ?? Object.keys(value)) {
      const inner = value[name]
      if (seen?.has(name)) this.#isRepeated(name)
      else if (inner !== undefined) {
        this.#path.push(name)
        const read = this.#read(values, inner, source?.numbers?.get(name))
        if (read !== undefined) result[checkedKey(name)] = read
        this.#path.pop()
      }
      seen?.add(name)
    }
    return result
  }

  #readList(items: PropertySchema, value: readonly JsonValue[]): JsonValue {
    const numbers = sourceOf(value)?.numbers
    const result: JsonValue[] = []
    for (const [index, inner] of value.entries()) {
      this.#path.push(index)
      const read = this.#read(items, inner, numbers?.get(String(index)))
      if (read !== undefined) result.push(read)
      this.#path.pop()
    }
    return result
  }

  #readScalar(schema: Scalar, value: JsonValue, literal: string | undefined): JsonValue | undefined {
    const read = canonicalScalar(schema, value, literal)
    if ('value' in read) return read.value
    const isMalformed = 'malformed' in read
    const mismatch = isMalformed ? new TypeMismatch(read.malformed) : this.#wrongType(read.wrong, read.type ?? goType(schema))
    if (!isMalformed && read.atOnce) throw mismatch
    this.#mismatch ??= mismatch
    return undefined
  }

  #mismatched(schema: PropertySchema, value: JsonValue): undefined {
    this.#mismatch ??= this.#wrongType(goKind(value), goType(schema))
  }

  #wrongType(found: string, type: string): TypeMismatch {
    const where = this.#fields.length === 0 ? 'Go value' : `Go struct field ${this.#struct}.${this.#fields.join('.')}`
    return new TypeMismatch(`json: cannot unmarshal ${found} into ${where} of type ${type}`)
  }

  #isUnknown(name: string): void {
    const path = this.#pathOf(name)
    if (this.unknown.length < STRICT_MAX) this.unknown.push(path)
    this.#note(`unknown field ${JSON.stringify(path)}`)
  }

  #isRepeated(name: string): void {
    this.#note(`duplicate field ${JSON.stringify(this.#pathOf(name))}`)
  }

  #note(problem: string): void {
    if (this.strict.size < STRICT_MAX) this.strict.add(problem)
  }

  #pathOf(name: string): string {
    let path = ''
    for (const step of [...this.#path, name]) path += typeof step === 'number' ? `[${step}]` : path === '' ? step : `.${step}`
    return path
  }
}

const isZero = (value: JsonValue): boolean =>
  typeof value === 'object' && value !== null ? Object.keys(value).length === 0 : value === '' || value === 0 || value === false

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
  if (depth > DEPTH_MAX) throw tooDeep()
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map((item) => copyAny(item, depth + 1))
  if (!isObject(value)) return value
  const result: Record<string, JsonValue> = {}
  for (const [name, inner] of Object.entries(value)) if (inner !== undefined) result[checkedKey(name)] = copyAny(inner, depth + 1)
  return result
}

const tooDeep = (): Error => badRequest(`the object is nested more than ${DEPTH_MAX} levels deep`)

/** Assigning to this key would change the object's prototype instead of its content. */
export function checkedKey(name: string): string {
  if (name === '__proto__') throw badRequest('the key "__proto__" is not allowed')
  return name
}

export const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
