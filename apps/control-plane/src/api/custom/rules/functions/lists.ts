import type { Environment } from '@marcbachmann/cel-js'
import { OURS } from '../ast.ts'
import { charge, weigh } from '../budget.ts'
import { registerAll, RuleError } from './register.ts'

type Ordered = bigint | number | string | boolean
type List = Iterable<Ordered>

/**
 * Functions of lists and sets of values.
 * @see Source: k8s.io/apiserver pkg/cel/library/lists.go; github.com/google/cel-go ext/lists.go, ext/sets.go.
 */
export function registerLists(environment: Environment): void {
  registerAll(environment, {
    'list.isSorted(): bool': (list: List) => [...list].every((item, index, all) => index === 0 || !(item < all[index - 1]!)),
    'list<int>.sum(): int': (list: Iterable<bigint>) => [...list].reduce((sum, item) => sum + item, 0n),
    'list<double>.sum(): double': (list: Iterable<number>) => [...list].reduce((sum, item) => sum + item, 0),
    'list<A>.min(): A': (list: List) => extreme('min', list, (item, best) => item < best),
    'list<A>.max(): A': (list: List) => extreme('max', list, (item, best) => item > best),
    [`list.${OURS}indexOf(dyn): int`]: (list: Iterable<unknown>, item: unknown) =>
      BigInt([...list].findIndex((each) => isEqual(each, item))),
    [`list.${OURS}lastIndexOf(dyn): int`]: (list: Iterable<unknown>, item: unknown) =>
      BigInt([...list].findLastIndex((each) => isEqual(each, item))),
    'list<A>.slice(int, int): list<A>': slice,
    'list<A>.distinct(): list<A>': distinct,
    'list<A>.reverse(): list<A>': (list: Iterable<unknown>) => [...list].reverse(),
    'list<A>.sort(): list<A>': (list: List) => [...list].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)),
  })
  environment.registerType('SetsLibrary', { ctor: SetsLibrary, fields: {} })
  environment.registerConstant('sets', 'SetsLibrary', new SetsLibrary())
  registerAll(environment, {
    'SetsLibrary.contains(list, list): bool': (_: unknown, list: Iterable<unknown>, part: Iterable<unknown>) => containsAll(list, part),
    'SetsLibrary.equivalent(list, list): bool': (_: unknown, a: Iterable<unknown>, b: Iterable<unknown>) =>
      containsAll(a, b) && containsAll(b, a),
    'SetsLibrary.intersects(list, list): bool': (_: unknown, a: Iterable<unknown>, b: Iterable<unknown>) => {
      const items = [...b]
      return [...a].some((item) => has(items, item))
    },
  })
}

class SetsLibrary {}

function extreme(name: string, list: List, isBetter: (item: Ordered, best: Ordered) => boolean): Ordered {
  const items = [...list]
  if (items.length === 0) throw new RuleError(`${name} called on empty list`)
  return items.reduce((best, item) => (isBetter(item, best) ? item : best))
}

function slice(list: Iterable<unknown>, start: bigint, end: bigint): unknown[] {
  const items = [...list]
  if (start < 0n || end < 0n) throw new RuleError(`cannot slice(${start}, ${end}), negative indexes not supported`)
  if (start > end) throw new RuleError(`cannot slice(${start}, ${end}), start index must be less than or equal to end index`)
  if (end > BigInt(items.length)) throw new RuleError(`cannot slice(${start}, ${end}), list is length ${items.length}`)
  return items.slice(Number(start), Number(end))
}

function distinct(list: Iterable<unknown>): unknown[] {
  const kept: unknown[] = []
  for (const item of list) if (!has(kept, item)) kept.push(item)
  return kept
}

function containsAll(list: Iterable<unknown>, part: Iterable<unknown>): boolean {
  const items = [...list]
  return [...part].every((item) => has(items, item))
}

function has(items: readonly unknown[], item: unknown): boolean {
  charge(items.length)
  return items.some((each) => isEqual(each, item))
}

function isEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  charge(weigh(a))
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, index) => isEqual(item, b[index]))
  if (a instanceof Map && b instanceof Map)
    return a.size === b.size && [...a].every(([key, value]) => b.has(key) && isEqual(value, b.get(key)))
  return a.constructor === b.constructor && String(a) === String(b)
}
