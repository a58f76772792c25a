import { isDeepStrictEqual } from 'node:util'
import type { JsonValue } from '@bramble/api/object'
import { isObject } from '../schema/check.ts'

/** Whether two items of a merged list are the same one: by merge key, or by value in a list of scalars. */
export function itemsEqual(a: JsonValue, b: JsonValue, mergeKey: string | undefined): boolean {
  if (mergeKey === undefined) return isDeepStrictEqual(a, b)
  return isObject(a) && isObject(b) && isDeepStrictEqual(a[mergeKey], b[mergeKey])
}

/**
 * `items` with those that `order` names in its order. The others, which the client did not know, keep their order, and stand before
 * those that they stood before in `before`. What is new in `before` is in front.
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
  const sorted = (some: readonly JsonValue[], list: readonly JsonValue[]): JsonValue[] =>
    some
      .map((item) => ({ item, at: place(item, list) }))
      .sort((a, b) => a.at - b.at)
      .map(({ item }) => item)
  const isNamed = (item: JsonValue): boolean => place(item, order) >= 0
  const named = sorted(items.filter(isNamed), order)
  const others = sorted(
    items.filter((item) => !isNamed(item)),
    before,
  )

  const result: JsonValue[] = []
  while (named.length > 0 && others.length > 0) {
    const [first, second] = [place(others[0]!, before), place(named[0]!, before)]
    const isOtherFirst = first >= 0 && second >= 0 && first < second
    result.push((isOtherFirst ? others : named).shift()!)
  }
  return [...result, ...named, ...others]
}
