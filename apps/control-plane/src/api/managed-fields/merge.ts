import type { JsonObject, JsonValue } from '@bramble/api/object'
import { isObject } from '../schema/check.ts'
import type { ObjectSchema } from '../schema/object-schema.ts'
import type { PathElement } from './path-element.ts'
import { type ListShape, type MapShape, own, placeElement, schemaAt, shapeFor } from './shape.ts'

type Maybe = JsonValue | undefined

/**
 * A live object with a configuration laid over it: leaves are the configuration's, structs and maps are merged, lists item by
 * item. The configuration's items stand in its order, the others keep their places among those they share.
 *
 * @param config Valid by `typedErrors`.
 * @see Source: structured-merge-diff typed/merge.go.
 */
export const merge = (schema: ObjectSchema, live: JsonObject, config: JsonObject): JsonObject =>
  (mergeValue(schema, live, config) ?? {}) as JsonObject

function mergeValue(schema: ObjectSchema, live: Maybe, config: Maybe): Maybe {
  const shape = shapeFor(schema, config === undefined ? live : config)
  switch (shape.type) {
    case 'scalar':
      return over(live, config)
    case 'map': {
      const [a, b] = [isObject(live) ? live : {}, isObject(config) ? config : {}]
      const isBare = Object.keys(a).length === 0 && Object.keys(b).length === 0
      return shape.isAtomic || isBare ? over(live, config) : mergeMaps(shape, a, b)
    }
    case 'list': {
      const [a, b] = [listOf(live), listOf(config)]
      return shape.relation === 'atomic' || (a.length === 0 && b.length === 0) ? over(live, config) : mergeLists(shape, a, b)
    }
  }
}

const over = (live: Maybe, config: Maybe): Maybe => (config === undefined ? live : config)
const listOf = (value: Maybe): readonly JsonValue[] => (Array.isArray(value) ? (value as readonly JsonValue[]) : [])

function mergeMaps(shape: MapShape, live: JsonObject, config: JsonObject): JsonObject {
  const merged = new Map<string, Maybe>()
  for (const name of new Set([...Object.keys(live), ...Object.keys(config)])) {
    const schema = schemaAt(shape, name)
    const [a, b] = [own(live, name), own(config, name)]
    merged.set(name, schema ? mergeValue(schema, a, b) : over(a, b))
  }
  return Object.fromEntries(merged)
}

function mergeLists(shape: ListShape, live: readonly JsonValue[], config: readonly JsonValue[]): Maybe {
  const left = indexed(shape, live)
  const right = indexed(shape, config)
  const shared = right.elements.filter((element) => left.items.has(element))
  const done = new Set<PathElement>()
  const out: JsonValue[] = []
  const put = (a: Maybe, b: Maybe): void => {
    const merged = mergeValue(shape.items, a, b)
    if (merged !== undefined) out.push(merged)
  }
  const take = (element: PathElement): void => {
    done.add(element)
    put(left.items.get(element), right.items.get(element))
    if (shared[0] === element) shared.shift()
  }
  for (let l = 0, r = 0; l < left.elements.length || r < right.elements.length; ) {
    const [ours, theirs] = [left.elements[l], right.elements[r]]
    if (ours !== undefined && ours === theirs) {
      take(ours)
      l++
      r++
      continue
    }
    if (ours !== undefined && theirs !== undefined && right.items.has(ours) && shared.length > 0 && shared[0] !== ours) {
      l++ // shared, and its turn comes with the configuration's order
      continue
    }
    if (ours !== undefined) {
      if (!right.items.has(ours)) {
        put(live[l], undefined)
        l++
        continue
      }
      if (done.has(ours)) l++
    }
    if (theirs !== undefined) {
      take(theirs)
      r++
    }
  }
  return out
}

interface Indexed {
  readonly elements: readonly PathElement[]
  /** Undefined for those that occur twice: they are not merged but replaced. */
  readonly items: ReadonlyMap<PathElement, Maybe>
}

function indexed(shape: ListShape, list: readonly JsonValue[]): Indexed {
  const items = new Map<PathElement, Maybe>()
  const elements = list.map((item, index) => {
    const element = placeElement(shape, item, index)
    items.set(element, items.has(element) ? undefined : item)
    return element
  })
  return { elements, items }
}
