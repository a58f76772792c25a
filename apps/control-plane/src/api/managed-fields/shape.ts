import type { JsonObject, JsonValue } from '@bramble/api/object'
import { isObject } from '../schema/check.ts'
import { resolve } from '../schema/definitions.ts'
import type { ObjectSchema, PropertySchema } from '../schema/object-schema.ts'
import { keyElement, type PathElement, valueElement } from './path-element.ts'

/**
 * How apply sees a value: what is owned and merged as a whole, and what part by part.
 * @see Source: structured-merge-diff schema/elements.go; typed/helpers.go.
 */
export type Shape = MapShape | ListShape | ScalarShape | AnyShape

export interface MapShape {
  readonly type: 'map'
  readonly isAtomic: boolean
  /** The fields of a struct. Absent in a map. */
  readonly fields?: Readonly<Record<string, PropertySchema>>
  /** Of names that are no fields. Absent: there are none. */
  readonly rest?: ObjectSchema
}
export interface ListShape {
  readonly type: 'list'
  readonly relation: 'atomic' | 'set' | 'map'
  readonly keys: readonly string[]
  readonly items: ObjectSchema
}
export interface ScalarShape {
  readonly type: 'scalar'
  readonly of: 'string' | 'numeric' | 'boolean' | 'any scalar'
}
/** No schema: scalars, granular maps, atomic lists. */
export interface AnyShape {
  readonly type: 'any'
  readonly isAtomic: boolean
}

export function shapeOf(schema: ObjectSchema): Shape {
  const known = shapes.get(schema)
  if (known) return known
  const made = makeShape(schema)
  shapes.set(schema, made)
  return made
}

const shapes = new WeakMap<ObjectSchema, Shape>()

function makeShape(schema: PropertySchema): Shape {
  const found = resolve(schema)
  const isAtomic = (schema.mapType ?? (found as PropertySchema).mapType) === 'atomic'
  switch (found.type) {
    case 'object':
      return { type: 'map', isAtomic, fields: found.properties, ...(found.rest && { rest: found.rest }) }
    case 'map':
      return { type: 'map', isAtomic, rest: found.values }
    case 'array':
      return { type: 'list', relation: schema.listType ?? 'atomic', keys: schema.listMapKeys ?? [], items: found.items }
    case 'any':
      return { type: 'any', isAtomic: isAtomic || schema.listType === 'atomic' }
    case 'string':
      return { type: 'scalar', of: 'string' }
    case 'boolean':
      return { type: 'scalar', of: 'boolean' }
    case 'integer':
    case 'number':
      return { type: 'scalar', of: 'numeric' }
    default:
      return { type: 'scalar', of: 'any scalar' }
  }
}

const ANY: PropertySchema = { type: 'any' }
const ANY_MAP: MapShape = { type: 'map', isAtomic: false, rest: ANY }
const ATOMIC_MAP: MapShape = { type: 'map', isAtomic: true, rest: ANY }
const ANY_LIST: ListShape = { type: 'list', relation: 'atomic', keys: [], items: ANY }
const ANY_SCALAR: ScalarShape = { type: 'scalar', of: 'any scalar' }

/** The shape that counts for this value. Where anything may stand, the value itself tells; null is taken for a map. */
export function shapeFor(schema: ObjectSchema, value: JsonValue | undefined): Exclude<Shape, AnyShape> {
  const shape = shapeOf(schema)
  if (shape.type !== 'any') return shape
  if (Array.isArray(value)) return ANY_LIST
  if (value === undefined || value === null || isObject(value)) return shape.isAtomic ? ATOMIC_MAP : ANY_MAP
  return ANY_SCALAR
}

export const isField = ({ fields }: MapShape, name: string): boolean => fields !== undefined && Object.hasOwn(fields, name)

/** The schema of what stands under a name; undefined when nothing may. */
export const schemaAt = (shape: MapShape, name: string): ObjectSchema | undefined =>
  isField(shape, name) ? shape.fields![name] : shape.rest

/** A field of an object itself: `constructor` is none unless somebody wrote it. */
export const own = (object: JsonObject, name: string): JsonValue | undefined => (Object.hasOwn(object, name) ? object[name] : undefined)

/** An item that cannot be told apart from others. The message is the one clients know. */
export class ItemError extends Error {
  override name = 'ItemError'
}

/**
 * Which item of its list a value is.
 * @throws ItemError
 * @see Source: structured-merge-diff typed/helpers.go listItemToPathElement.
 */
export function itemElement({ relation, keys, items }: ListShape, item: JsonValue): PathElement {
  if (relation === 'map' && keys.length > 0) {
    if (item === null) throw new ItemError('associative list with keys may not have a null element')
    if (!isObject(item)) throw new ItemError('associative list with keys may not have non-map elements')
    const known = keysOf(item, keys, items)
    if (Object.keys(known).length === 0)
      throw new ItemError(
        `associative list with keys has an element that omits all key fields [${keys.map((key) => JSON.stringify(key)).join(' ')}] (and doesn't have default values for any key fields)`,
      )
    return keyElement(known)
  }
  if (isObject(item)) throw new ItemError("associative list without keys has an element that's a map type")
  if (Array.isArray(item)) throw new ItemError('not supported: associative list with lists as elements')
  if (item === null) throw new ItemError("associative list without keys has an element that's an explicit null")
  return valueElement(item)
}

/** Like {@link itemElement}, for objects that are stored: what cannot be told apart is known by its place. */
export function placeElement(shape: ListShape, item: JsonValue, index: number): PathElement {
  try {
    return itemElement(shape, item)
  } catch (error) {
    if (error instanceof ItemError) return `i:${index}`
    throw error
  }
}

/** A key that is left out has its default; one that has none is no part of the identity. */
function keysOf(item: JsonObject, keys: readonly string[], items: ObjectSchema): JsonObject {
  const known: Record<string, JsonValue> = {}
  for (const key of keys) {
    const value = own(item, key) ?? keyDefault(items, key)
    if (value !== undefined) known[key] = value
  }
  return known
}

/** Of the built-in kinds only ports have one: the protocol. Source: core/v1 ContainerPort and ServicePort. */
function keyDefault(items: ObjectSchema, key: string): JsonValue | undefined {
  const shape = shapeOf(items)
  const field = shape.type === 'map' && isField(shape, key) ? shape.fields![key] : undefined
  if (field?.default !== undefined) return field.default
  return items.type === 'ref' && key === 'protocol' ? 'TCP' : undefined
}
