import type { JsonObject, JsonValue } from '@bramble/api/object'
import { isObject } from '../schema/check.ts'
import { resolve } from '../schema/definitions.ts'
import type { ObjectSchema } from '../schema/object-schema.ts'

/**
 * How Kubernetes names the first value of the wrong type in what a strategic merge patch has made: it does not decode JSON then.
 *
 * @returns Undefined when it has other words for what is wrong: texts that are no quantity or time.
 * @see Source: apimachinery pkg/runtime/converter.go fromUnstructured.
 */
export function restoreError(schema: ObjectSchema, value: JsonValue): string | undefined {
  if (value === null) return undefined
  const found = resolve(schema)
  switch (found.type) {
    case 'object':
      return isObject(value) ? firstOf(value, (name) => own(found.properties, name)) : `cannot restore struct from: ${goKind(value)}`
    case 'map':
      return isObject(value) ? firstOf(value, () => found.values) : `cannot restore map from ${goKind(value)}`
    case 'array':
      if (!Array.isArray(value)) return `cannot restore slice from ${goKind(value)}`
      return first(value as readonly JsonValue[], (item) => restoreError(found.items, item))
    case 'string':
      return typeof value === 'string' || found.format !== undefined ? undefined : scalarError(value, 'string')
    case 'boolean':
      return typeof value === 'boolean' ? undefined : scalarError(value, 'bool')
    case 'integer':
      return typeof value === 'number' && Number.isInteger(value) ? undefined : scalarError(value, found.format)
    case 'number':
      return typeof value === 'number' ? undefined : scalarError(value, 'float64')
    default:
      return undefined
  }
}

const own = (properties: Readonly<Record<string, ObjectSchema>>, name: string): ObjectSchema | undefined =>
  Object.hasOwn(properties, name) ? properties[name] : undefined

const firstOf = (value: JsonObject, schemaOf: (name: string) => ObjectSchema | undefined): string | undefined =>
  first(Object.keys(value), (name) => {
    const schema = schemaOf(name)
    return schema && restoreError(schema, value[name] ?? null)
  })

function first<T>(all: readonly T[], find: (one: T) => string | undefined): string | undefined {
  for (const one of all) {
    const found = find(one)
    if (found !== undefined) return found
  }
  return undefined
}

/** Go converts between numbers, and from numbers to text (which is then refused); nothing else. */
function scalarError(value: JsonValue, type: string): string {
  const isConvertible = typeof value === 'number' && type !== 'bool'
  return isConvertible ? `cannot convert ${goKind(value)} to ${type}` : `unrecognized type: ${type}`
}

function goKind(value: JsonValue): string {
  if (Array.isArray(value)) return 'slice'
  if (isObject(value)) return 'map'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64'
  return typeof value === 'boolean' ? 'bool' : typeof value
}
