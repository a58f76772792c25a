import type { JsonObject, JsonValue } from '@bramble/api/object'
import { isObject } from '../schema/check.ts'
import type { ObjectSchema } from '../schema/object-schema.ts'
import { EMPTY, type FieldSet, SetBuilder } from './field-set.ts'
import { fieldElement, type PathElement } from './path-element.ts'
import { isField, type ListShape, type MapShape, placeElement, schemaAt, shapeFor } from './shape.ts'

/**
 * The paths that a configuration states: its leaves, the entries of maps, the items of lists. Structs are not stated by what is
 * in them, save when they are empty.
 *
 * @param value Valid by `typedErrors`, save that items may occur twice: those are stated as a whole.
 * @param countsEmptyLists A list of items that has none is stated, too.
 * @see Source: structured-merge-diff typed/tofieldset.go.
 */
export const setOfObject = (schema: ObjectSchema, value: JsonValue, countsEmptyLists = false): FieldSet =>
  setOfValue(schema, value, countsEmptyLists).below

interface Found {
  /** The value itself is stated, as one piece. */
  readonly isLeaf: boolean
  readonly below: FieldSet
}
const LEAF: Found = { isLeaf: true, below: EMPTY }
const NOTHING: Found = { isLeaf: false, below: EMPTY }

function setOfValue(schema: ObjectSchema, value: JsonValue, countsEmptyLists: boolean): Found {
  const shape = shapeFor(schema, value)
  switch (shape.type) {
    case 'scalar':
      return LEAF
    case 'map':
      if (shape.isAtomic) return LEAF
      return isObject(value) ? setOfMap(shape, value, countsEmptyLists) : NOTHING
    case 'list':
      if (shape.relation === 'atomic') return LEAF
      if (!Array.isArray(value)) return NOTHING
      if (value.length === 0 && countsEmptyLists) return LEAF
      return setOfList(shape, value as readonly JsonValue[], countsEmptyLists)
  }
}

function setOfMap(shape: MapShape, value: JsonObject, countsEmptyLists: boolean): Found {
  const builder = new SetBuilder()
  for (const [name, inner] of Object.entries(value)) {
    const schema = schemaAt(shape, name)
    if (inner === undefined || schema === undefined) continue
    const element = fieldElement(name)
    const { isLeaf, below } = setOfValue(schema, inner, countsEmptyLists)
    const isEmptyOrNull = inner === null || (isObject(inner) && Object.keys(inner).length === 0)
    if (isLeaf || isEmptyOrNull || !isField(shape, name)) builder.add(element)
    builder.addBelow(element, below)
  }
  return { isLeaf: false, below: builder.build() }
}

function setOfList(shape: ListShape, items: readonly JsonValue[], countsEmptyLists: boolean): Found {
  const builder = new SetBuilder()
  for (const [element, found] of itemsByElement(shape, items)) {
    builder.add(element)
    if (found.length === 1) builder.addBelow(element, setOfValue(shape.items, found[0]!, countsEmptyLists).below)
  }
  return { isLeaf: false, below: builder.build() }
}

/** The items of a list that is no single piece, those that are alike together, in the order of their first. */
export function itemsByElement(shape: ListShape, items: readonly JsonValue[]): Map<PathElement, JsonValue[]> {
  const found = new Map<PathElement, JsonValue[]>()
  for (const [index, item] of items.entries()) {
    const element = placeElement(shape, item, index)
    const alike = found.get(element)
    if (alike) alike.push(item)
    else found.set(element, [item])
  }
  return found
}
