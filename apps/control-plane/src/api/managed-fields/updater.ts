import { isDeepStrictEqual } from 'node:util'
import type { JsonObject } from '@bramble/api/object'
import type { ObjectSchema } from '../schema/object-schema.ts'
import { compare, type Comparison } from './compare.ts'
import { difference, EMPTY, type FieldSet, intersection, isEmpty, union } from './field-set.ts'
import { merge } from './merge.ts'
import { setOfObject } from './object-set.ts'
import { reconcileSet } from './reconcile.ts'
import { removeItems, withNamedFields } from './remove.ts'

/** What one manager owns, as paths of one version of the kind. */
export interface VersionedSet {
  readonly apiVersion: string
  readonly set: FieldSet
  readonly isApplied: boolean
}
/** By identity. */
export type Managers = ReadonlyMap<string, VersionedSet>

/** The versions in which a kind is served. */
export interface Versions {
  /** Undefined when it is not served: what is owned in it is forgotten. */
  schema(apiVersion: string): ObjectSchema | undefined
  /** @param object In the version that its `apiVersion` names. */
  convert(object: JsonObject, apiVersion: string): JsonObject
  /** Whether what was owned in parts may have become one piece since. */
  readonly mayChange: boolean
}

/** Paths that a request cannot change whatever it says. */
export type Filter = (set: FieldSet) => FieldSet

/** Fields that a configuration wants otherwise than those who own them. */
export class ApplyConflicts extends Error {
  override name = 'ApplyConflicts'
  /** What is wanted, by the identity of who owns it. */
  readonly conflicts: ReadonlyMap<string, FieldSet>

  constructor(conflicts: ReadonlyMap<string, FieldSet>) {
    super('apply failed with conflicts')
    this.conflicts = conflicts
  }
}

export interface Write {
  readonly versions: Versions
  /** Of the request; both objects are in it. */
  readonly apiVersion: string
  readonly managers: Managers
  /** Identity of who writes. */
  readonly manager: string
  readonly filter: Filter
}

/**
 * Who owns what after a plain write: the writer what it added or changed, nobody what is gone.
 * @see Source: structured-merge-diff merge/update.go Updater.Update.
 */
export function updateManagers(write: Write, before: JsonObject, after: JsonObject): Managers {
  const { apiVersion, manager, filter } = write
  const reconciled = reconcile(write)
  const { managers, comparison } = takeOver({ ...write, managers: reconciled }, before, after, true)
  const { added, modified, removed } = comparison
  const set = filter(union(union(difference(managers.get(manager)?.set ?? EMPTY, removed), modified), added))
  const next = new Map(managers)
  if (isEmpty(set)) next.delete(manager)
  else next.set(manager, { apiVersion, set, isApplied: false })
  return next
}

export interface Applied {
  /** The live object itself when the configuration changes nothing. */
  readonly object: JsonObject
  readonly managers: Managers
}

/**
 * Lays a configuration over the live object; what its manager had applied before, does not any more and nobody else owns, goes.
 *
 * @throws ApplyConflicts unless it is forced.
 * @see Source: structured-merge-diff merge/update.go Updater.Apply.
 */
export function applyConfig(write: Write, live: JsonObject, config: JsonObject, isForced: boolean): Applied {
  const { versions, apiVersion, manager, filter } = write
  const schema = versions.schema(apiVersion)!
  const managers = new Map(reconcile(write))
  const last = managers.get(manager)
  managers.set(manager, { apiVersion, set: filter(setOfObject(schema, config)), isApplied: true })
  const merged = prune({ ...write, managers }, merge(schema, live, config), last, config)
  const taken = takeOver({ ...write, managers }, live, merged, isForced)
  return { object: isDeepStrictEqual(live, merged) ? live : merged, managers: taken.managers }
}

/** What was owned as parts is owned as a whole after the schema has made it one piece. */
function reconcile({ versions, managers }: Pick<Write, 'versions' | 'managers'>): Managers {
  const next = new Map<string, VersionedSet>()
  for (const [manager, versioned] of managers) {
    const schema = versions.schema(versioned.apiVersion)
    if (!schema) continue
    const set = versions.mayChange ? reconcileSet(schema, versioned.set) : versioned.set
    next.set(manager, set === versioned.set ? versioned : { ...versioned, set })
  }
  return next
}

/** Takes from all others what the write changed or removed. */
function takeOver(
  { versions, apiVersion, managers, manager, filter }: Write,
  before: JsonObject,
  after: JsonObject,
  isForced: boolean,
): { readonly managers: Managers; readonly comparison: Comparison } {
  const comparisons = new Map<string, Comparison>()
  const comparisonIn = (version: string): Comparison => {
    const known = comparisons.get(version)
    if (known) return known
    const { added, modified, removed } = compare(
      versions.schema(version)!,
      versions.convert(before, version),
      versions.convert(after, version),
    )
    const made = { added: filter(added), modified: filter(modified), removed: filter(removed) }
    comparisons.set(version, made)
    return made
  }

  const next = new Map(managers)
  const conflicts = new Map<string, FieldSet>()
  for (const [other, versioned] of managers) {
    if (other === manager) continue
    const { added, modified, removed } = comparisonIn(versioned.apiVersion)
    const wanted = union(intersection(versioned.set, modified), intersection(versioned.set, added))
    if (!isEmpty(wanted)) conflicts.set(other, wanted)
    const set = difference(difference(versioned.set, wanted), removed)
    next.set(other, { ...versioned, set })
  }
  if (!isForced && conflicts.size > 0) throw new ApplyConflicts(conflicts)
  for (const [other, { set }] of next) if (isEmpty(set)) next.delete(other)
  return { managers: next, comparison: comparisonIn(apiVersion) }
}

/** Removes what the manager had applied and does not any more, save what others own and what it never had. */
function prune(
  { versions, apiVersion, managers, manager }: Write,
  merged: JsonObject,
  last: VersionedSet | undefined,
  config: JsonObject,
): JsonObject {
  if (!last || isEmpty(last.set)) return merged
  const version = last.apiVersion
  const schema = versions.schema(version)!
  const whole = versions.convert(merged, version)
  const owned = new Map<string, FieldSet>([[apiVersion, setOfObject(versions.schema(apiVersion)!, config, true)]])
  for (const { apiVersion: each, set } of managers.values()) owned.set(each, union(owned.get(each) ?? EMPTY, set))

  let pruned = removeItems(schema, whole, withNamedFields(schema, last.set))
  const ordered = [...owned.keys()].sort((a, b) => Number(b === version) - Number(a === version))
  for (const each of ordered) pruned = addBackOwned(versions, each, merged, pruned, owned.get(each)!)

  const gone = difference(namedSetOf(versions, version, merged), namedSetOf(versions, version, pruned))
  const own = intersection(gone, withNamedFields(schema, last.set))
  return versions.convert(removeItems(schema, whole, own), managers.get(manager)?.apiVersion ?? apiVersion)
}

function addBackOwned(versions: Versions, version: string, merged: JsonObject, pruned: JsonObject, owned: FieldSet): JsonObject {
  const schema = versions.schema(version)!
  const kept = union(namedSetOf(versions, version, pruned), withNamedFields(schema, owned))
  return removeItems(schema, versions.convert(merged, version), difference(namedSetOf(versions, version, merged), kept))
}

function namedSetOf(versions: Versions, version: string, object: JsonObject): FieldSet {
  const schema = versions.schema(version)!
  return withNamedFields(schema, setOfObject(schema, versions.convert(object, version), true))
}
