import { isDeepStrictEqual } from 'node:util'
import type { JsonValue } from '@bramble/api/object'
import { isObject } from '../schema/check.ts'

/** Whether two items of a merged list are the same one: by merge key, or by value in a list of scalars. */
export function itemsEqual(a: JsonValue, b: JsonValue, mergeKey: string | undefined): boolean {
  if (mergeKey === undefined) return isDeepStrictEqual(a, b)
  return isObject(a) && isObject(b) && isDeepStrictEqual(a[mergeKey], b[mergeKey])
}

/**
 * `items` with those that `order` names in its order. The others, which the client did not know, keep their place
 * relative to what stood before them in `before`.
 *
 * @see Source: apimachinery pkg/util/strategicpatch normalizeElementOrder, mergeSortedSlice.
 */
export function inOrder(
  items: readonly JsonValue[],
  order: readonly JsonValue[],
  before: readonly JsonValue[],
  mergeKey: string | undefined,
): JsonValue[] {
  const place = (item: JsonValue, list: readonly JsonValue[]): number => list.findIndex((other) => itemsEqual(item, other, mergeKey))
  const byPlace =
    (list: readonly JsonValue[]) =>
    (a: JsonValue, b: JsonValue): number =>
      place(a, list) - place(b, list)
  const named = items.filter((item) => place(item, order) >= 0).sort(byPlace(order))
  const others = items.filter((item) => place(item, order) < 0).sort(byPlace(before))

  const result: JsonValue[] = []
  while (named.length > 0 && others.length > 0) {
    const [first, second] = [place(named[0]!, before), place(others[0]!, before)]
    const isNamedFirst = first >= 0 && second >= 0 && first < second
    result.push((isNamedFirst ? named : others).shift()!)
  }
  return [...result, ...named, ...others]
}
