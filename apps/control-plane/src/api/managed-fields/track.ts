import type { JsonObject, Timestamp } from '@bramble/api/object'
import { applyConflict } from './conflicts.ts'
import { difference, equalSets, type FieldSet, isEmpty, union } from './field-set.ts'
import { lastAppliedSet, withLastApplied } from './last-applied.ts'
import {
  capUpdaters,
  decodeManaged,
  encodeManaged,
  identityOf,
  isReset,
  type Managed,
  type ManagedFieldsEntry,
  NOBODY,
} from './managers.ts'
import { strip } from './reset-fields.ts'
import { type Applied, applyConfig, ApplyConflicts, type Filter, type Managers, updateManagers, type Versions } from './updater.ts'

/** Who writes, and in which version of the kind. */
export interface Author {
  readonly versions: Versions
  readonly apiVersion: string
  readonly manager: string
  readonly subresource?: string
  /** What this request can change. */
  readonly filter: Filter
  readonly now: Timestamp
}
type Entries = readonly ManagedFieldsEntry[]

export interface Update {
  /** In the author's version; what is new is compared with what is empty. */
  readonly before: JsonObject
  readonly after: JsonObject
  /** Of the object as it is stored. */
  readonly live: readonly unknown[] | undefined
  /** As the client wrote it, which it may. */
  readonly written?: readonly unknown[] | undefined
  /** Whether somebody comes to own fields of an object that nobody owned fields of. */
  readonly startsTracking: boolean
}

/**
 * `metadata.managedFields` after a create, update or patch. A list that the client wrote counts when it is valid; an empty one does
 * not; one of empty entries leaves nobody.
 *
 * @see Source: apimachinery pkg/util/managedfields/internal/fieldmanager.go Update.
 */
export function managedAfterUpdate(author: Author, update: Update): Entries | undefined {
  const managed = chosen(update)
  if (managed.managers.size === 0 && !update.startsTracking) return undefined
  return encodeManaged(updated(author, managed, update.before, update.after))
}

function chosen({ written, live }: Update): Managed {
  if (written && isReset(written)) return NOBODY
  const ours = decodedOr(written, NOBODY)
  return ours.managers.size > 0 ? ours : decodedOr(live, NOBODY)
}

function decodedOr(entries: readonly unknown[] | undefined, otherwise: Managed): Managed {
  try {
    return decodeManaged(entries)
  } catch {
    return otherwise // as Kubernetes does: what clients write here is no reason to refuse them
  }
}

const SELF = 'current-operation'

function updated(
  { versions, apiVersion, manager, subresource, filter, now }: Author,
  managed: Managed,
  before: JsonObject,
  after: JsonObject,
): Managed {
  const managers = new Map(updateManagers({ versions, apiVersion, managers: managed.managers, manager: SELF, filter }, before, after))
  const taken = managers.get(SELF)
  managers.delete(SELF)
  const set = taken && strip(taken.set)
  if (!set || isEmpty(set)) return capUpdaters({ managers, times: managed.times })
  const identity = identityOf({ manager, operation: 'Update', apiVersion, ...(subresource && { subresource }) })
  const own = managers.get(identity)
  managers.set(identity, { apiVersion, set: own ? union(set, own.set) : set, isApplied: false })
  return capUpdaters({ managers, times: new Map(managed.times).set(identity, now) })
}

export interface Application {
  /** In the author's version, without managedFields. */
  readonly live: JsonObject
  readonly entries: readonly unknown[] | undefined
  /** What the live object is before anybody writes. */
  readonly zero: JsonObject
  /** Valid by `typedErrors`. */
  readonly config: JsonObject
  readonly force: boolean
}

/** Owns by Update what was there before the first apply. */
const BEFORE_FIRST_APPLY = 'before-first-apply'
/** Only this manager may take what client-side apply left, and keeps its annotation up to date. */
const KUBECTL = 'kubectl'

/**
 * The object with a configuration applied, and who owns what then.
 *
 * @throws StatusError 409 with every field that others own and want otherwise, unless it is forced.
 * @see Source: apimachinery pkg/util/managedfields/internal/fieldmanager.go Apply.
 */
export function applied(
  author: Author,
  { live, entries, zero, config, force }: Application,
): { object: JsonObject; entries: Entries | undefined } {
  const { versions, apiVersion, manager, subresource, filter, now } = author
  let managed = decodedOr(entries, NOBODY)
  if (managed.managers.size === 0) managed = updated({ ...author, manager: BEFORE_FIRST_APPLY }, managed, zero, live)

  const identity = identityOf({ manager, operation: 'Apply', ...(subresource && { subresource }) })
  const write = { versions, apiVersion, managers: managed.managers, manager: identity, filter }
  const { object, managers: all } = applyAsKubectlMay(author, (isForced) => applyConfig(write, live, config, isForced), live, force)
  const managers = stripped(all, identity)
  const isSame = object === live && equalManagers(managers, managed.managers)
  const times = isSame ? managed.times : new Map(managed.times).set(identity, now)
  return {
    object: manager === KUBECTL ? withLastApplied(object, config) : object,
    entries: encodeManaged({ managers, times }),
  }
}

function applyAsKubectlMay(
  { versions, apiVersion, manager }: Author,
  apply: (isForced: boolean) => Applied,
  live: JsonObject,
  force: boolean,
): Applied {
  try {
    return apply(force)
  } catch (error) {
    if (!(error instanceof ApplyConflicts)) throw error
    if (manager !== KUBECTL) throw applyConflict(error.conflicts)
    const allowed = lastAppliedSet(versions.schema(apiVersion)!, live)
    const left = new Map<string, FieldSet>()
    for (const [other, set] of error.conflicts) {
      const rest = difference(set, allowed)
      if (!isEmpty(rest)) left.set(other, rest)
    }
    if (left.size > 0) throw applyConflict(left)
    return apply(true)
  }
}

function stripped(managers: Managers, identity: string): Managers {
  const own = managers.get(identity)
  const set = own && strip(own.set)
  if (!own || set === own.set) return managers
  const next = new Map(managers)
  if (isEmpty(set!)) next.delete(identity)
  else next.set(identity, { ...own, set: set! })
  return next
}

function equalManagers(a: Managers, b: Managers): boolean {
  if (a.size !== b.size) return false
  for (const [identity, { apiVersion, set }] of a) {
    const other = b.get(identity)
    if (!other || other.apiVersion !== apiVersion || !equalSets(other.set, set)) return false
  }
  return true
}
