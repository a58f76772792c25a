import type { JsonObject, JsonValue } from '@bramble/api/object'
import { badRequest } from '@bramble/api/status-error'
import { goPrint } from '../managed-fields/typed-errors.ts'
import { isObject } from '../schema/check.ts'
import { resolve } from '../schema/definitions.ts'
import type { ObjectSchema, PropertySchema } from '../schema/object-schema.ts'
import { itemsEqual } from './element-order.ts'
import { mergeList, orderList } from './merge-list.ts'

// Directives of a strategic merge patch.
const PATCH = '$patch'
const RETAIN_KEYS = '$retainKeys'
const DELETE_FROM = '$deleteFromPrimitiveList/'
const SET_ORDER = '$setElementOrder/'

/**
 * The target with the patch merged in by what the schema says of lists: which are merged, and by which key.
 *
 * @throws StatusError 400 when a directive is wrong or an item lacks its merge key, 422 for lists of lists.
 * @see Source: Kubernetes community sig-api-machinery/strategic-merge-patch.md; apimachinery pkg/util/strategicpatch.
 */
export function strategicMerge(target: JsonObject, patch: JsonValue, schema: ObjectSchema): JsonObject {
  if (!isObject(patch)) throw badRequest('error decoding patch: a strategic merge patch is an object')
  return mergeMap(target, patch, schema)
}

type Schema = ObjectSchema | undefined
type Fields = Map<string, JsonValue | undefined>

function mergeMap(target: JsonObject, patch: JsonObject, schema: Schema): JsonObject {
  const { [PATCH]: directive, [RETAIN_KEYS]: retained, ...changes } = patch
  if (directive === 'replace') return withoutDirectives(changes, schema)
  if (directive === 'delete') return {}
  if (directive !== undefined && directive !== 'merge')
    throw badRequest(`unknown patch type: ${goPrint(directive)} in map: ${goPrint(patch)}`)

  const result: Fields = new Map(Object.entries(target))
  if (retained !== undefined) retainKeys(result, retained, changes)
  for (const [name, value] of Object.entries(changes))
    if (name.startsWith(DELETE_FROM)) deleteFrom(result, name.slice(DELETE_FROM.length), value)
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined || name.startsWith(DELETE_FROM) || name.startsWith(SET_ORDER)) continue
    if (value === null) result.delete(name)
    else result.set(name, mergeValue(result.get(name), value, propertyOf(schema, name)))
  }
  for (const [name, order] of Object.entries(changes))
    if (name.startsWith(SET_ORDER)) setOrder(result, target, changes, name.slice(SET_ORDER.length), order, schema)
  return Object.fromEntries(result)
}

function mergeValue(target: JsonValue | undefined, patch: JsonValue, property: PropertySchema | undefined): JsonValue {
  const strategy = property?.patchStrategy ?? []
  if (isObject(patch)) {
    const isReplaced = strategy.includes('replace') || !isObject(target)
    return mergeMap(isReplaced ? {} : target, patch, property)
  }
  if (!Array.isArray(patch)) return patch
  const items = patch as readonly JsonValue[]
  const itemSchema = itemsOf(property)
  if (!strategy.includes('merge')) return items.map((item) => withoutDirectives(item, itemSchema))
  if (!Array.isArray(target)) return items.filter((item) => !isDirective(item)).map((item) => withoutDirectives(item, itemSchema))
  return mergeList(target as readonly JsonValue[], items, property?.patchMergeKey, (item, changes) =>
    mergeMap(item ?? {}, changes, itemSchema),
  )
}

const isDirective = (item: JsonValue): boolean => isObject(item) && item[PATCH] !== undefined && item[PATCH] !== 'merge'

/** Applied to nothing, directives and nulls of a new value vanish. */
function withoutDirectives(value: JsonValue, schema: Schema): JsonObject
function withoutDirectives(value: JsonValue, schema: Schema): JsonValue
function withoutDirectives(value: JsonValue, schema: Schema): JsonValue {
  return isObject(value) ? mergeMap({}, value, schema) : value
}

function retainKeys(result: Fields, retained: JsonValue, changes: JsonObject): void {
  const refused = (): Error => badRequest('invalid patch format of retainKeys')
  if (!Array.isArray(retained)) throw refused()
  const keys = new Set<JsonValue>(retained as readonly JsonValue[])
  for (const name of Object.keys(changes)) if (!name.startsWith('$') && changes[name] !== null && !keys.has(name)) throw refused()
  for (const name of [...result.keys()]) if (!keys.has(name)) result.delete(name)
}

function deleteFrom(result: Fields, name: string, doomed: JsonValue | undefined): void {
  if (!Array.isArray(doomed)) throw badRequest('invalid patch format of primitive list')
  const list = result.get(name)
  if (Array.isArray(list))
    result.set(
      name,
      (list as readonly JsonValue[]).filter((item) => !doomed.some((each: JsonValue) => itemsEqual(each, item, undefined))),
    )
}

function setOrder(
  result: Fields,
  target: JsonObject,
  changes: JsonObject,
  name: string,
  order: JsonValue | undefined,
  schema: Schema,
): void {
  if (!Array.isArray(order)) throw badRequest('invalid patch format of setElementOrder list')
  const merged = result.get(name)
  if (!Array.isArray(merged)) return
  const [before, patch] = [listOf(target[name]), listOf(changes[name])]
  result.set(
    name,
    orderList(merged as readonly JsonValue[], order as readonly JsonValue[], before, patch, propertyOf(schema, name)?.patchMergeKey),
  )
}

const listOf = (value: JsonValue | undefined): readonly JsonValue[] => (Array.isArray(value) ? (value as readonly JsonValue[]) : [])

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
