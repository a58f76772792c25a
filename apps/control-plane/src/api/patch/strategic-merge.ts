import type { JsonObject, JsonValue } from '@bramble/api/object'
import { badRequest } from '@bramble/api/status-error'
import { isObject } from '../schema/check.ts'
import { resolve } from '../schema/definitions.ts'
import type { ObjectSchema, PropertySchema } from '../schema/object-schema.ts'
import { inOrder, itemsEqual } from './element-order.ts'

// Directives of a strategic merge patch.
const PATCH = '$patch'
const RETAIN_KEYS = '$retainKeys'
const DELETE_FROM = '$deleteFromPrimitiveList/'
const SET_ORDER = '$setElementOrder/'

/**
 * The target with the patch merged in by what the schema says of lists: which are merged, and by which key.
 *
 * @throws StatusError 400 when a directive is wrong or an item lacks its merge key.
 * @see Source: Kubernetes community sig-api-machinery/strategic-merge-patch.md; apimachinery pkg/util/strategicpatch.
 */
export function strategicMerge(target: JsonObject, patch: JsonValue, schema: ObjectSchema): JsonObject {
  if (!isObject(patch)) throw badRequest('error decoding patch: a strategic merge patch is an object')
  return mergeMap(target, patch, schema)
}

type Schema = ObjectSchema | undefined

function mergeMap(target: JsonObject, patch: JsonObject, schema: Schema): JsonObject {
  const { [PATCH]: directive, [RETAIN_KEYS]: retained, ...changes } = patch
  if (directive === 'replace') return withoutDirectives(changes, schema)
  if (directive === 'delete') return {}
  checkDirective(directive)

  const result = new Map(Object.entries(target))
  if (retained !== undefined) retainKeys(result, retained, changes)
  for (const [name, value] of Object.entries(changes))
    if (name.startsWith(DELETE_FROM)) deleteFrom(result, name.slice(DELETE_FROM.length), value)
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined || name.startsWith(DELETE_FROM) || name.startsWith(SET_ORDER)) continue
    if (value === null) result.delete(name)
    else result.set(name, mergeValue(result.get(name), value, propertyOf(schema, name), name))
  }
  for (const [name, order] of Object.entries(changes))
    if (name.startsWith(SET_ORDER)) setOrder(result, target, name.slice(SET_ORDER.length), order, schema)
  return Object.fromEntries(result)
}

function mergeValue(target: JsonValue | undefined, patch: JsonValue, property: PropertySchema | undefined, name: string): JsonValue {
  const strategy = property?.patchStrategy ?? []
  if (isObject(patch)) {
    const isReplaced = strategy.includes('replace') || !isObject(target)
    return mergeMap(isReplaced ? {} : target, patch, property)
  }
  if (!Array.isArray(patch)) return patch
  const items = patch as readonly JsonValue[]
  const itemSchema = itemsOf(property)
  if (!strategy.includes('merge')) return items.map((item) => withoutDirectives(item, itemSchema))
  const before = Array.isArray(target) ? (target as readonly JsonValue[]) : []
  return property?.patchMergeKey === undefined ? union(before, items) : mergeList(before, items, property.patchMergeKey, itemSchema, name)
}

const union = (before: readonly JsonValue[], added: readonly JsonValue[]): JsonValue => [...new Set([...before, ...added])]

function mergeList(before: readonly JsonValue[], patch: readonly JsonValue[], key: string, schema: Schema, name: string): JsonValue {
  const items = patch.map((item) => {
    if (!isObject(item)) throw badRequest(`error decoding patch: items of ${name} must be objects with the merge key ${key}`)
    return item
  })
  if (items.some((item) => item[PATCH] === 'replace'))
    return items.filter((item) => item[PATCH] === undefined).map((item) => withoutDirectives(item, schema))

  let result = [...before]
  for (const item of items) {
    if (item[key] === undefined || item[key] === null)
      throw badRequest(`error decoding patch: map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`)
    const isSame = (other: JsonValue): boolean => isObject(other) && other[key] === item[key]
    if (item[PATCH] === 'delete') result = result.filter((other) => !isSame(other))
    else {
      const at = result.findIndex(isSame)
      const merged = mergeMap(at < 0 ? {} : (result[at] as JsonObject), item, schema)
      if (at < 0) result.push(merged)
      else result[at] = merged
    }
  }
  return result
}

/** Applied to nothing, directives and nulls of a new value vanish. */
function withoutDirectives(value: JsonValue, schema: Schema): JsonObject
function withoutDirectives(value: JsonValue, schema: Schema): JsonValue
function withoutDirectives(value: JsonValue, schema: Schema): JsonValue {
  return isObject(value) ? mergeMap({}, value, schema) : value
}

function checkDirective(directive: JsonValue | undefined): void {
  if (directive !== undefined && directive !== 'merge')
    throw badRequest(`error decoding patch: unknown patch type ${JSON.stringify(directive)}: use merge, replace or delete`)
}

function retainKeys(result: Map<string, JsonValue | undefined>, retained: JsonValue, changes: JsonObject): void {
  if (!Array.isArray(retained)) throw badRequest(`error decoding patch: ${RETAIN_KEYS} must be a list of keys`)
  const keys = new Set<JsonValue>(retained as readonly JsonValue[])
  for (const name of Object.keys(changes))
    if (!name.startsWith('$') && changes[name] !== null && !keys.has(name))
      throw badRequest(`error decoding patch: ${name} is set but not in ${RETAIN_KEYS}`)
  for (const name of [...result.keys()]) if (!keys.has(name)) result.delete(name)
}

function deleteFrom(result: Map<string, JsonValue | undefined>, name: string, doomed: JsonValue | undefined): void {
  if (!Array.isArray(doomed)) throw badRequest(`error decoding patch: ${DELETE_FROM}${name} must be a list`)
  const list = result.get(name)
  if (Array.isArray(list))
    result.set(
      name,
      (list as readonly JsonValue[]).filter((item) => !doomed.some((each: JsonValue) => itemsEqual(each, item, undefined))),
    )
}

function setOrder(
  result: Map<string, JsonValue | undefined>,
  target: JsonObject,
  name: string,
  order: JsonValue | undefined,
  schema: Schema,
): void {
  if (!Array.isArray(order)) throw badRequest(`error decoding patch: ${SET_ORDER}${name} must be a list`)
  const merged = result.get(name)
  const before = target[name]
  if (Array.isArray(merged))
    result.set(
      name,
      inOrder(
        merged as readonly JsonValue[],
        order as readonly JsonValue[],
        Array.isArray(before) ? (before as readonly JsonValue[]) : [],
        propertyOf(schema, name)?.patchMergeKey,
      ),
    )
}

function propertyOf(schema: Schema, name: string): PropertySchema | undefined {
  if (!schema) return undefined
  const found = resolve(schema)
  if (found.type === 'map') return found.values
  return found.type === 'object' && Object.hasOwn(found.properties, name) ? found.properties[name] : undefined
}

function itemsOf(schema: Schema): Schema {
  const found = schema && resolve(schema)
  return found?.type === 'array' ? found.items : undefined
}
