import type { JsonValue } from '@bramble/api/object'
import type { JsonSchema } from '@bramble/api/types/custom-resource-definition'
import { cleanCopy } from '../clean-copy.ts'
import { schemaOf } from './prune.ts'

type Mutable = Record<string, JsonValue>

/**
 * Fills in what a schema has defaults for, at any depth, and takes away nulls that the schema does not allow; in place.
 * Doing it again changes nothing.
 *
 * @see Source: apiextensions-apiserver pkg/apiserver/schema/defaulting/algorithm.go, prune.go.
 */
export function applySchemaDefaults(schema: JsonSchema | undefined, value: JsonValue | undefined): void {
  if (schema === undefined || typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    if (schema.items !== undefined) defaultItems(schema.items, value as JsonValue[])
    return
  }
  const object = value as Mutable
  for (const name of Object.keys(object)) {
    const specified = schemaOf(schema, name)
    if (object[name] === null && typeof specified === 'object' && !specified.nullable) {
      if (specified.default === undefined) delete object[name]
      else object[name] = copyOf(specified.default)
    }
  }
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    if (property.default !== undefined && !Object.hasOwn(object, name)) object[name] = copyOf(property.default)
  for (const name of Object.keys(object)) {
    const specified = schemaOf(schema, name)
    if (typeof specified === 'object') applySchemaDefaults(specified, object[name])
  }
}

function defaultItems(items: JsonSchema, list: JsonValue[]): void {
  for (const [index, item] of list.entries()) {
    if (item === null && !items.nullable && items.default !== undefined) list[index] = copyOf(items.default)
    applySchemaDefaults(items, list[index])
  }
}

const copyOf = (value: JsonValue): JsonValue => cleanCopy(value)
