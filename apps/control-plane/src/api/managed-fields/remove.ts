import type { JsonObject, JsonValue } from '@bramble/api/object'
import { isObject } from '../schema/check.ts'
import type { ObjectSchema } from '../schema/object-schema.ts'
import { type FieldSet, isEmpty } from './field-set.ts'
import { fieldElement } from './path-element.ts'
import { isField, type ListShape, type MapShape, placeElement, schemaAt, shapeFor } from './shape.ts'

/**
 * An object without the paths of a set. What has nothing left is empty: Kubernetes leaves null there, which its decoders drop, and
 * with it what others may have stated.
 * @see Source: structured-merge-diff typed/remove.go.
 */
export const removeItems = (schema: ObjectSchema, object: JsonObject, doomed: FieldSet): JsonObject =>
  isEmpty(doomed) ? object : (removeFrom(schema, object, doomed) as JsonObject)

function removeFrom(schema: ObjectSchema, value: JsonValue, doomed: FieldSet): JsonValue {
  const shape = shapeFor(schema, value)
  switch (shape.type) {
    case 'scalar':
      return value
    case 'map':
      return shape.isAtomic || !isObject(value) ? null : removeFromMap(shape, value, doomed)
    case 'list':
      return shape.relation === 'atomic' || !Array.isArray(value) ? null : removeFromList(shape, value as readonly JsonValue[], doomed)
  }
}

function removeFromMap(shape: MapShape, value: JsonObject, doomed: FieldSet): JsonValue {
  const kept: [string, JsonValue | undefined][] = []
  for (const [name, inner] of Object.entries(value)) {
    const element = fieldElement(name)
    if (doomed.members.has(element)) continue
    const below = doomed.children.get(element)
    const schema = schemaAt(shape, name)
    kept.push([name, below && schema && inner !== undefined ? removeFrom(schema, inner, below) : inner])
  }
  return Object.fromEntries(kept)
}

function removeFromList(shape: ListShape, list: readonly JsonValue[], doomed: FieldSet): JsonValue {
  const kept: JsonValue[] = []
  for (const [index, item] of list.entries()) {
    const element = placeElement(shape, item, index)
    if (doomed.members.has(element)) continue
    const below = doomed.children.get(element)
    kept.push(below ? removeFrom(shape.items, item, below) : item)
  }
  return kept
}

/**
 * A set with the structs in it that its paths lead through: whoever owns all of a struct's fields owns the struct, though that is
 * written nowhere.
 * @see Source: structured-merge-diff fieldpath/set.go EnsureNamedFieldsAreMembers.
 */
export function withNamedFields(schema: ObjectSchema | undefined, set: FieldSet): FieldSet {
  if (set.children.size === 0) return set
  const shape = schema && shapeFor(schema, undefined)
  const members = new Set(set.members)
  const children = new Map<string, FieldSet>()
  for (const [element, below] of set.children) {
    const name = element.slice(2)
    const isName = element.startsWith('f:') && shape?.type === 'map'
    if (isName && isField(shape, name)) members.add(element)
    const inner = isName ? schemaAt(shape, name) : shape?.type === 'list' ? shape.items : undefined
    children.set(element, withNamedFields(inner, below))
  }
  return { members, children }
}
