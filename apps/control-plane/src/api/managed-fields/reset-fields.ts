import { EMPTY, type FieldSet, isEmpty, recursiveDifference, setOf } from './field-set.ts'
import type { Filter } from './updater.ts'

/** What identifies an object and what only the server sets belongs to nobody. Source: apimachinery managedfields/internal/stripmeta.go. */
const STRIPPED = setOf(
  ['f:apiVersion'],
  ['f:kind'],
  ['f:metadata'],
  ...['name', 'namespace', 'creationTimestamp', 'selfLink', 'uid', 'clusterName', 'generation', 'managedFields', 'resourceVersion'].map(
    (name) => ['f:metadata', `f:${name}`],
  ),
)

/** Taken from what one manager owns, not from what is compared. */
export function strip(set: FieldSet): FieldSet {
  const metadata = set.children.get('f:metadata')
  const members = set.members.difference(STRIPPED.members)
  if (!metadata && members.size === set.members.size) return set
  const children = new Map(set.children)
  if (metadata) {
    const kept = { members: metadata.members.difference(STRIPPED.children.get('f:metadata')!.members), children: metadata.children }
    if (isEmpty(kept)) children.delete('f:metadata')
    else children.set('f:metadata', kept)
  }
  return { members, children }
}

/** Everything counts but these paths and what is below them. */
export const without = (...paths: readonly (readonly string[])[]): Filter => {
  const doomed = setOf(...paths)
  return (set) => recursiveDifference(set, doomed)
}

/** Nothing counts but these top-level fields, each with what is below it. */
export const only =
  (...names: readonly string[]): Filter =>
  (set) => {
    const members = set.members.intersection(new Set(names))
    const children = new Map([...set.children].filter(([element]) => names.includes(element)))
    return members.size === 0 && children.size === 0 ? EMPTY : { members, children }
  }

export const everything: Filter = (set) => set
