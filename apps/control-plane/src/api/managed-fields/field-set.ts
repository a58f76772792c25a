import type { PathElement } from './path-element.ts'

/**
 * A set of paths into an object. An element may be a member, have members below it, or both: whoever owns a list item need not
 * own what is in it, and the other way round. A set never changes.
 *
 * @see Source: structured-merge-diff fieldpath/set.go.
 */
export interface FieldSet {
  readonly members: ReadonlySet<PathElement>
  /** Never empty sets. */
  readonly children: ReadonlyMap<PathElement, FieldSet>
}

export const EMPTY: FieldSet = { members: new Set(), children: new Map() }

export const isEmpty = ({ members, children }: FieldSet): boolean => members.size === 0 && children.size === 0

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(a)) return b
  if (isEmpty(b)) return a
  const children = new Map(a.children)
  for (const [element, set] of b.children) {
    const other = children.get(element)
    children.set(element, other ? union(other, set) : set)
  }
  return { members: a.members.union(b.members), children }
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(a) || isEmpty(b)) return EMPTY
  const children = new Map<PathElement, FieldSet>()
  for (const [element, set] of a.children) {
    const other = b.children.get(element)
    if (other) addChild(children, element, intersection(set, other))
  }
  return { members: a.members.intersection(b.members), children }
}

/** Paths of `a` that are not in `b`. What lies below a path of `b` stays. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(a) || isEmpty(b)) return a
  const children = new Map<PathElement, FieldSet>()
  for (const [element, set] of a.children) {
    const other = b.children.get(element)
    addChild(children, element, other ? difference(set, other) : set)
  }
  return { members: a.members.difference(b.members), children }
}

/** Paths of `a` that are neither in `b` nor below a path of `b`. */
export function recursiveDifference(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(a) || isEmpty(b)) return a
  const children = new Map<PathElement, FieldSet>()
  for (const [element, set] of a.children) {
    if (b.members.has(element)) continue
    const other = b.children.get(element)
    addChild(children, element, other ? recursiveDifference(set, other) : set)
  }
  return { members: a.members.difference(b.members), children }
}

export function equalSets(a: FieldSet, b: FieldSet): boolean {
  if (a === b) return true
  if (a.members.size !== b.members.size || a.children.size !== b.children.size || !a.members.isSubsetOf(b.members)) return false
  for (const [element, set] of a.children) {
    const other = b.children.get(element)
    if (!other || !equalSets(set, other)) return false
  }
  return true
}

export const has = (set: FieldSet, path: readonly PathElement[]): boolean => {
  const below = path.slice(0, -1).reduce<FieldSet | undefined>((found, element) => found?.children.get(element), set)
  return path.length > 0 && below !== undefined && below.members.has(path.at(-1)!)
}

/** Every path, in order: those of a level before what lies below them. */
export function* paths(set: FieldSet, before: readonly PathElement[] = []): Generator<readonly PathElement[]> {
  for (const element of [...set.members].sort()) yield [...before, element]
  for (const element of [...set.children.keys()].sort()) yield* paths(set.children.get(element)!, [...before, element])
}

export function setOf(...all: readonly (readonly PathElement[])[]): FieldSet {
  let set = EMPTY
  for (const path of all) set = union(set, single(path))
  return set
}

const single = (path: readonly PathElement[]): FieldSet =>
  path.reduceRight<FieldSet>(
    (below, element) =>
      isEmpty(below) ? { members: new Set([element]), children: new Map() } : { members: new Set(), children: new Map([[element, below]]) },
    EMPTY,
  )

/** Collects a set level by level. */
export class SetBuilder {
  #members: Set<PathElement> | undefined
  #children: Map<PathElement, FieldSet> | undefined

  add(element: PathElement): void {
    this.#members ??= new Set()
    this.#members.add(element)
  }

  addBelow(element: PathElement, set: FieldSet): void {
    if (isEmpty(set)) return
    this.#children ??= new Map()
    const before = this.#children.get(element)
    this.#children.set(element, before ? union(before, set) : set)
  }

  build(): FieldSet {
    if (!this.#members && !this.#children) return EMPTY
    return { members: this.#members ?? EMPTY.members, children: this.#children ?? EMPTY.children }
  }
}

function addChild(children: Map<PathElement, FieldSet>, element: PathElement, set: FieldSet): void {
  if (!isEmpty(set)) children.set(element, set)
}
