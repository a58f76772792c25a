import type { ObjectSchema } from '../schema/object-schema.ts'
import { EMPTY, type FieldSet, isEmpty, SetBuilder } from './field-set.ts'
import { fieldName } from './path-element.ts'
import { schemaAt, shapeOf } from './shape.ts'

/**
 * A set as it is after a CustomResourceDefinition has made one piece of what had parts: whoever owned parts owns the whole.
 *
 * @returns The same set when there is nothing to do.
 * @see Source: structured-merge-diff typed/reconcile_schema.go.
 */
export function reconcileSet(schema: ObjectSchema, set: FieldSet): FieldSet {
  const shape = shapeOf(schema)
  if (shape.type === 'scalar' || shape.type === 'any') return set
  const builder = new SetBuilder()
  let isChanged = false
  for (const element of set.members) builder.add(element)
  for (const [element, below] of set.children) {
    const name = fieldName(element)
    const inner = shape.type === 'map' ? (name === undefined ? undefined : schemaAt(shape, name)) : shape.items
    const kept = inner === undefined ? below : isOnePiece(inner) ? EMPTY : reconcileSet(inner, below)
    if (kept !== below) isChanged = true
    if (isEmpty(kept)) builder.add(element)
    builder.addBelow(element, kept)
  }
  return isChanged ? builder.build() : set
}

function isOnePiece(schema: ObjectSchema): boolean {
  const shape = shapeOf(schema)
  if (shape.type === 'map') return shape.isAtomic
  return shape.type === 'list' && shape.relation === 'atomic'
}
