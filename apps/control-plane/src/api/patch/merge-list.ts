import type { JsonObject, JsonValue } from '@bramble/api/object'
import { badRequest, StatusError } from '@bramble/api/status-error'
import { goPrint } from '../managed-fields/typed-errors.ts'
import { isObject } from '../schema/check.ts'
import { inOrder, itemsEqual } from './element-order.ts'

// Lists of a strategic merge patch whose items are merged. Source: apimachinery pkg/util/strategicpatch mergeSlice.

type List = readonly JsonValue[]
/** Merges an item's changes into what it was; undefined: the item is new. */
export type MergeItem = (before: JsonObject | undefined, changes: JsonObject) => JsonObject

/** Merged, and in the order of the patch. @throws StatusError 400, 422 */
export function mergeList(before: List, patch: List, mergeKey: string | undefined, mergeItem: MergeItem): List {
  checkItems(before, patch, mergeKey)
  if (mergeKey === undefined) {
    const merged = distinct([...before, ...patch])
    return inOrder(merged, patch, before, undefined)
  }
  const { kept, changes, isReplaced } = specialItems(before, patch as readonly JsonObject[], mergeKey)
  const merged = isReplaced ? changes.map((item) => mergeItem(undefined, item)) : mergeItems(kept, changes, mergeKey, mergeItem)
  return isReplaced ? merged : inOrder(merged, changes, kept, mergeKey)
}

const distinct = (items: List): List =>
  items.filter((item, index) => items.findIndex((other) => itemsEqual(item, other, undefined)) === index)

/** Lists of lists cannot be merged, nor can lists of this and that. */
function checkItems(before: List, patch: List, mergeKey: string | undefined): void {
  const items = [...before, ...patch]
  if (items.some((item) => Array.isArray(item)))
    throw new StatusError(422, 'Invalid', 'the server rejected our request due to an error in our request', {})
  const areAlike =
    mergeKey === undefined ? items.every((item) => typeof item === typeof items[0] && !isObject(item)) : items.every(isObject)
  if (!areAlike) throw badRequest(`list element types are not identical: ${goPrint(patch)}`)
}

interface Special {
  readonly kept: List
  readonly changes: readonly JsonObject[]
  readonly isReplaced: boolean
}

/** What `$patch` in items says of other items, or of the list. */
function specialItems(before: List, patch: readonly JsonObject[], mergeKey: string): Special {
  let kept = before
  let isReplaced = false
  const changes: JsonObject[] = []
  for (const item of patch) {
    const directive = item['$patch']
    if (directive === undefined) changes.push(item)
    else if (directive === 'replace') isReplaced = true
    else if (directive === 'delete') {
      checkKey(item, mergeKey)
      kept = kept.filter((other) => !itemsEqual(item, other, mergeKey))
    } else if (directive === 'merge') changes.push(withoutDirective(item))
    else throw badRequest(`unknown patch type: ${goPrint(directive)} in map: ${goPrint(item)}`)
  }
  return { kept, changes, isReplaced }
}

const withoutDirective = ({ $patch: _directive, ...rest }: JsonObject): JsonObject => rest

function mergeItems(before: List, changes: readonly JsonObject[], mergeKey: string, mergeItem: MergeItem): List {
  const merged = [...before]
  for (const item of changes) {
    checkKey(item, mergeKey)
    const at = merged.findIndex((other) => itemsEqual(item, other, mergeKey))
    if (at < 0) merged.push(mergeItem(undefined, item))
    else merged[at] = mergeItem(merged[at] as JsonObject, item)
  }
  return merged
}

function checkKey(item: JsonObject, mergeKey: string): void {
  if (item[mergeKey] === undefined || item[mergeKey] === null)
    throw badRequest(`map: ${goPrint(item)} does not contain declared merge key: ${mergeKey}`)
}

/** Puts a merged list in the order that `$setElementOrder` says. @throws StatusError 400 when the patch itself is in another order. */
export function orderList(merged: List, order: List, before: List, patch: List, mergeKey: string | undefined): List {
  const changes = patch.filter((item) => !isObject(item) || item['$patch'] === undefined)
  if (mergeKey !== undefined) for (const item of order) if (isObject(item)) checkKey(item, mergeKey)
  let next = 0
  for (const item of order) if (next < changes.length && itemsEqual(changes[next]!, item, mergeKey)) next++
  if (order.length > 0 && next < changes.length)
    throw badRequest(`The order in patch list:\n${goPrint(patch)}\n doesn't match $setElementOrder list:\n${goPrint(order)}\n`)
  return inOrder(merged, order, before, mergeKey)
}
