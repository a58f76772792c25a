import type { JsonObject, JsonValue, KubeObject, Timestamp } from '@bramble/api/object'
import { isObject } from '../schema/check.ts'
import { type FieldSet, union } from './field-set.ts'
import { decodeSet, encodeSet } from './fields-v1.ts'
import { LastUsed } from './last-used.ts'
import type { Managers, VersionedSet } from './updater.ts'

/** One entry of `metadata.managedFields`. Source: meta/v1 ManagedFieldsEntry. */
export interface ManagedFieldsEntry {
  readonly manager?: string
  readonly operation?: 'Apply' | 'Update'
  readonly apiVersion?: string
  readonly time?: Timestamp
  readonly fieldsType?: string
  readonly fieldsV1?: JsonObject
  readonly subresource?: string
}

/** Who owns what, and since when. */
export interface Managed {
  readonly managers: Managers
  readonly times: ReadonlyMap<string, Timestamp>
}
export const NOBODY: Managed = { managers: new Map(), times: new Map() }

/**
 * Two entries are of one manager when these are equal. Those who apply are the same in every version.
 * @see Source: apimachinery pkg/util/managedfields/internal BuildManagerIdentifier.
 */
export function identityOf({ manager, operation, apiVersion, subresource }: ManagedFieldsEntry): string {
  return JSON.stringify({
    ...(manager && { manager }),
    ...(operation && { operation }),
    ...(operation !== 'Apply' && apiVersion && { apiVersion }),
    ...(subresource && { subresource }),
  })
}

/** Who that is. The texts are the same for all entries of a manager: there are many entries and few managers. */
function managerOf(identity: string): ManagedFieldsEntry {
  const known = managersByIdentity.get(identity)
  if (known) return known
  const manager = JSON.parse(identity) as ManagedFieldsEntry
  managersByIdentity.set(identity, manager)
  return manager
}

const managersByIdentity = new LastUsed<string, ManagedFieldsEntry>(256)

/** @throws Error when an entry is malformed: nothing of the list counts then. */
export function decodeManaged(entries: readonly unknown[] | undefined): Managed {
  if (!entries || entries.length === 0) return NOBODY
  const managers = new Map<string, VersionedSet>()
  const times = new Map<string, Timestamp>()
  for (const each of entries) {
    const entry = checkedEntry(each)
    const identity = identityOf(entry)
    managers.set(identity, { apiVersion: entry.apiVersion!, set: decodeSet(entry.fieldsV1), isApplied: entry.operation === 'Apply' })
    if (entry.time) times.set(identity, entry.time)
  }
  return { managers, times }
}

function checkedEntry(value: unknown): ManagedFieldsEntry {
  if (!isObject(value as JsonValue)) throw new Error('an entry must be an object')
  const entry = value as ManagedFieldsEntry
  if (entry.operation !== 'Apply' && entry.operation !== 'Update') throw new Error('operation must be `Apply` or `Update`')
  if (!entry.apiVersion) throw new Error('apiVersion must not be empty')
  if (entry.fieldsType !== 'FieldsV1') throw new Error(`invalid fieldsType ${JSON.stringify(entry.fieldsType)}`)
  return entry
}

/** A list with nothing but empty entries: nobody shall own anything. */
export const isReset = (entries: readonly unknown[] | undefined): boolean =>
  entries !== undefined && entries.length > 0 && entries.every((entry) => Object.keys(entry as object).length === 0)

/** The list as objects carry it, in order. Undefined when nobody owns anything. */
export function encodeManaged({ managers, times }: Managed): readonly ManagedFieldsEntry[] | undefined {
  if (managers.size === 0) return undefined
  return [...managers]
    .map(([identity, { apiVersion, set }]): ManagedFieldsEntry => {
      const { manager, operation, subresource } = managerOf(identity)
      const time = times.get(identity)
      return {
        ...(manager && { manager }),
        operation: operation!,
        apiVersion,
        ...(time !== undefined && { time }),
        fieldsType: 'FieldsV1',
        fieldsV1: encodeSet(set),
        ...(subresource && { subresource }),
      }
    })
    .sort(compareEntries)
}

/** Makes an object that was just read use what equal ones use. In place. */
export function shareManagedFields({ metadata }: KubeObject): void {
  if (metadata.managedFields === undefined) return
  try {
    metadata.managedFields = [...(encodeManaged(decodeManaged(metadata.managedFields)) ?? [])]
  } catch {
    // written by something else than we are: it stays as it is
  }
}

/** Source: apimachinery pkg/util/managedfields/internal sortEncodedManagedFields. */
function compareEntries(a: ManagedFieldsEntry, b: ManagedFieldsEntry): number {
  return (
    order(a.operation, b.operation) ||
    secondsOf(a.time) - secondsOf(b.time) ||
    order(a.manager, b.manager) ||
    order(a.apiVersion, b.apiVersion) ||
    order(a.subresource, b.subresource)
  )
}

const order = (a = '', b = ''): number => (a < b ? -1 : a > b ? 1 : 0)
const secondsOf = (time: Timestamp | undefined): number => (time === undefined ? 0 : Math.floor(Date.parse(time) / 1000))

const UPDATERS_MAX = 10
const OLD_UPDATERS = 'ancient-changes'

/**
 * Keeps the number of those who own by Update within bounds: what the oldest own goes to one entry per version.
 * @see Source: apimachinery pkg/util/managedfields/internal/capmanagers.go.
 */
export function capUpdaters({ managers, times }: Managed): Managed {
  const updaters = [...managers.keys()].filter((identity) => !managers.get(identity)!.isApplied)
  if (updaters.length <= UPDATERS_MAX) return { managers, times }
  updaters.sort((a, b) => secondsOf(times.get(a)) - secondsOf(times.get(b)) || order(a, b))

  const next = new Map(managers)
  const nextTimes = new Map(times)
  const firstOf = new Map<string, string>()
  let left = updaters.length
  for (const identity of updaters) {
    if (left <= UPDATERS_MAX) break
    const { apiVersion, set } = managers.get(identity)!
    const bucket = identityOf({ manager: OLD_UPDATERS, operation: 'Update', apiVersion })
    const first = firstOf.get(apiVersion)
    if (first === undefined) {
      firstOf.set(apiVersion, identity)
      continue
    }
    const before: FieldSet = (next.get(bucket) ?? next.get(first)!).set
    if (!next.has(bucket)) next.delete(first)
    next.delete(identity)
    next.set(bucket, { apiVersion, set: union(before, set), isApplied: false })
    left--
    const time = times.get(identity)
    if (time === undefined) nextTimes.delete(bucket)
    else nextTimes.set(bucket, time)
  }
  return { managers: next, times: nextTimes }
}
