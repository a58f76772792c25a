import { isDeepStrictEqual } from 'node:util'
import type { JsonObject, JsonValue } from '@bramble/api/object'
import { isObject } from '../schema/check.ts'
import type { ObjectSchema } from '../schema/object-schema.ts'
import { EMPTY, type FieldSet, SetBuilder, union } from './field-set.ts'
import { itemsByElement } from './object-set.ts'
import { fieldElement, type PathElement } from './path-element.ts'
import { type ListShape, type MapShape, own, schemaAt, shapeFor } from './shape.ts'

/** Paths by what became of them. A struct, map or item that came or went is there with all that is in it. */
export interface Comparison {
  readonly added: FieldSet
  readonly modified: FieldSet
  readonly removed: FieldSet
}

/**
 * What differs between two states of an object.
 *
 * @see Source: structured-merge-diff typed/compare.go.
 */
export const compare = (schema: ObjectSchema, before: JsonValue, after: JsonValue): Comparison => {
  const { added, modified, removed } = compareValue(schema, before, after)
  return { added, modified, removed }
}

type Change = 'added' | 'modified' | 'removed'
interface Difference extends Comparison {
  /** What became of the value itself. */
  readonly self?: Change
}
const SAME: Difference = { added: EMPTY, modified: EMPTY, removed: EMPTY }
const SELF: Readonly<Record<Change, Difference>> = {
  added: { ...SAME, self: 'added' },
  modified: { ...SAME, self: 'modified' },
  removed: { ...SAME, self: 'removed' },
}
type Maybe = JsonValue | undefined

function compareValue(schema: ObjectSchema, before: Maybe, after: Maybe): Difference {
  if (before === after) return SAME
  const shape = shapeFor(schema, after === undefined ? before : after)
  const other = before === undefined || after === undefined ? shape : shapeFor(schema, before)
  const found = compareAs(shape, before, after)
  return other.type === shape.type ? found : both(compareAs(other, before, after), found)
}

/** Where anything may stand, a value of one form gave way to one of another. */
const both = (a: Difference, b: Difference): Difference => ({
  added: union(a.added, b.added),
  modified: union(a.modified, b.modified),
  removed: union(a.removed, b.removed),
  ...((a.self ?? b.self) && { self: a.self ?? b.self! }),
})

function compareAs(shape: ReturnType<typeof shapeFor>, before: Maybe, after: Maybe): Difference {
  switch (shape.type) {
    case 'scalar':
      return leaf(before, after)
    case 'map': {
      const [a, b] = [isObject(before) ? before : undefined, isObject(after) ? after : undefined]
      if (shape.isAtomic || (isBare(a) && isBare(b))) return leaf(before, after)
      return whole(compareMaps(shape, a ?? {}, b ?? {}), before, after)
    }
    case 'list': {
      const [a, b] = [listOf(before), listOf(after)]
      if (shape.relation === 'atomic' || (a.length === 0 && b.length === 0)) return leaf(before, after)
      return whole(compareLists(shape, a, b), before, after)
    }
  }
}

const isBare = (value: JsonObject | undefined): boolean => value === undefined || Object.keys(value).length === 0
const listOf = (value: Maybe): readonly JsonValue[] => (Array.isArray(value) ? (value as readonly JsonValue[]) : [])

function leaf(before: Maybe, after: Maybe): Difference {
  if (before === undefined) return SELF.added
  if (after === undefined) return SELF.removed
  return isDeepStrictEqual(before, after) ? SAME : SELF.modified
}

function whole(found: Difference, before: Maybe, after: Maybe): Difference {
  if (before === undefined) return { ...found, self: 'added' }
  return after === undefined ? { ...found, self: 'removed' } : found
}

function compareMaps(shape: MapShape, before: JsonObject, after: JsonObject): Difference {
  const builder = new DifferenceBuilder()
  const visit = (name: string): void => {
    const schema = schemaAt(shape, name)
    if (schema) builder.add(fieldElement(name), compareValue(schema, own(before, name), own(after, name)))
  }
  for (const name of Object.keys(before)) visit(name)
  for (const name of Object.keys(after)) if (own(before, name) === undefined) visit(name)
  return builder.build()
}

function compareLists(shape: ListShape, before: readonly JsonValue[], after: readonly JsonValue[]): Difference {
  const builder = new DifferenceBuilder()
  const [left, right] = [itemsByElement(shape, before), itemsByElement(shape, after)]
  for (const element of new Set([...left.keys(), ...right.keys()]))
    builder.add(element, compareItems(shape.items, left.get(element) ?? [], right.get(element) ?? []))
  return builder.build()
}

/** Items that are alike are compared as one piece. */
function compareItems(schema: ObjectSchema, before: readonly JsonValue[], after: readonly JsonValue[]): Difference {
  if (before.length <= 1 && after.length <= 1) return compareValue(schema, before[0], after[0])
  if (before.length >= 2 && after.length >= 2) return isDeepStrictEqual(before, after) ? SAME : SELF.modified
  if (before.length >= 2) return { ...(after.length > 0 ? compareValue(schema, undefined, after[0]) : SAME), self: 'removed' }
  return { ...(before.length > 0 ? compareValue(schema, before[0], undefined) : SAME), self: 'added' }
}

class DifferenceBuilder {
  readonly #sets: Partial<Record<Change, SetBuilder>> = {}

  add(element: PathElement, difference: Difference): void {
    if (difference === SAME) return
    if (difference.self) this.#set(difference.self).add(element)
    for (const change of CHANGES) if (difference[change] !== EMPTY) this.#set(change).addBelow(element, difference[change])
  }

  build(): Difference {
    const { added, modified, removed } = this.#sets
    if (!added && !modified && !removed) return SAME
    return { added: added?.build() ?? EMPTY, modified: modified?.build() ?? EMPTY, removed: removed?.build() ?? EMPTY }
  }

  #set(change: Change): SetBuilder {
    this.#sets[change] ??= new SetBuilder()
    return this.#sets[change]
  }
}

const CHANGES = ['added', 'modified', 'removed'] as const
