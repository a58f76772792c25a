import { isDeepStrictEqual } from 'node:util'
import { timestamp } from '@bramble/api/duration'
import type { FieldError } from '@bramble/api/field-error'
import type { JsonValue, KubeObject, ObjectKey } from '@bramble/api/object'
import { splitKey } from '@bramble/api/object'
import { badRequest, conflict, invalid, unknownResource } from '@bramble/api/status-error'
import { deepFreeze } from '../store/frozen.ts'
import { storeKey } from '../store/keys.ts'
import { admit } from './admit.ts'
import { cleanCopy, copyOfObject } from './clean-copy.ts'
import { createOnce, placeIn } from './create.ts'
import { decodeObject } from './decode.ts'
import { type AnyObject, commit, entryOf, type Machine, RACES_MAX, stored } from './machine.ts'
import { validateMetadata } from './metadata.ts'
import type { WriteContext } from './requests.ts'
import type { ResourceDefinition } from './resource.ts'
import { checkPreconditions, isReleased, keepServerFields, nextGeneration } from './server-fields.ts'
import { withStatusOf } from './status-part.ts'
import { differInTimesOnly, managedOfChanged } from './tracking.ts'
import { fromStored, storageOf, toStored, validatorOf } from './versions.ts'

/** See `Resources.update`. */
export async function updateObject(
  machine: Machine,
  resource: ResourceDefinition,
  key: ObjectKey,
  body: JsonValue,
  context: WriteContext,
  subresource?: string,
): Promise<KubeObject> {
  const decoded = decodeObject(resource, body, context)
  checkNames(resource, decoded, key)
  const stored = toStored(resource, decoded)
  const created = subresource === undefined ? await createMissing(machine, resource, key, stored, context) : undefined
  return created ?? changeObject(machine, resource, key, context, { ...partOf(resource, subresource), propose: () => cleanCopy(stored) })
}

/** @returns Undefined when the object is there, or may not be made so. @throws StatusError 409 for a body made from another object. */
async function createMissing(
  machine: Machine,
  resource: ResourceDefinition,
  key: ObjectKey,
  wanted: KubeObject,
  context: WriteContext,
): Promise<KubeObject | undefined> {
  if (!storageOf(resource).allowsCreateOnUpdate || machine.store.get(storeKey(storageOf(resource), key))) return undefined
  const { namespace, name } = splitKey(key)
  const { uid } = wanted.metadata
  if (uid) throw conflict(resource, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: `)
  context.demandCreate?.()
  const draft = cleanCopy(wanted)
  placeIn(resource, draft, namespace)
  return createOnce(machine, resource, draft, context)
}

/** @throws StatusError 404 when the kind has no such part. */
export function partOf(resource: ResourceDefinition, subresource: string | undefined): Pick<Change, 'subresource' | 'takes' | 'validate'> {
  if (subresource === undefined) return {}
  if (subresource === 'status') return { subresource, takes: 'status' }
  const { take, validate } = storageOf(resource).subresources?.named?.find(({ name }) => name === subresource) ?? {}
  if (!take) throw unknownResource()
  return { subresource, takes: take, ...(validate && { validate }) }
}

export interface Change {
  /** As admission is told. */
  readonly subresource?: string
  /**
   * What of the proposal counts; the rest stays as it is. Default: all but the status of a kind with a status subresource.
   * `everything` is for changes that the machine itself makes up: no client's wish to check, no new generation. A function
   * returns `previous` with what of the proposal counts.
   */
  readonly takes?: 'status' | 'everything' | ((proposed: KubeObject, previous: KubeObject) => KubeObject)
  /** The proposal's managedFields are those of the new state, or those of the old stay. Default: the writer owns what it changes. */
  readonly managed?: 'proposed' | 'kept'
  /** Instead of the kind's own. */
  readonly validate?: (object: KubeObject, previous: KubeObject) => readonly FieldError[]
  /**
   * The new state, a copy that may be changed, made from the newest one; asked again when others were faster. Its uid
   * and resourceVersion, if it has them, must be those of `previous`.
   */
  propose(previous: KubeObject, attempt: number): KubeObject
}

/**
 * Changes an object, and returns it as a client of `resource` sees it; a proposal is in the stored version. Steps: prepare,
 * defaults, validation, admission, compare, store; all over again while others are faster.
 * An object that is being deleted and has no finalizer left goes away with its last change.
 */
export async function changeObject(
  machine: Machine,
  resource: ResourceDefinition,
  key: ObjectKey,
  context: WriteContext,
  change: Change,
): Promise<KubeObject> {
  for (let attempt = 0; attempt < RACES_MAX; attempt++) {
    const changed = await changeOnce(machine, resource, key, context, change, attempt)
    if (changed) return changed
  }
  throw conflict(resource, splitKey(key).name)
}

/** One try of {@link changeObject}. @returns Undefined when others were faster. */
export async function changeOnce(
  machine: Machine,
  served: ResourceDefinition,
  key: ObjectKey,
  context: WriteContext,
  change: Change,
  attempt: number,
): Promise<KubeObject | undefined> {
  const resource = storageOf(served)
  const entry = entryOf(machine, served, key)
  const previous = entry.value
  const proposed = change.propose(previous, attempt)
  const written = proposed.metadata.managedFields
  const draft = draftOf(resource, proposed, previous, change.takes)

  const isOwn = change.takes === 'everything'
  if (change.takes === undefined) resource.prepare?.(draft, previous)
  resource.applyDefaults?.(draft)
  if (!isOwn) resource.noteTimes?.(draft, previous, timestamp(machine.env.clock.nowMs()))
  const validate = change.validate ?? validatorOf(served)
  const errors = [...validateMetadata(resource, draft, previous), ...(isOwn ? [] : (validate?.(draft, previous) ?? []))]
  if (errors.length > 0) throw invalid(resource.group, resource.kind, draft.metadata.name, errors)
  if (change.takes === undefined && attempt === 0) for (const warning of resource.warnings?.(draft, previous) ?? []) context.warn(warning)

  const entries = managedBy(machine, served, { draft, previous, written }, context, change)

  const abandon = await admit(machine.admission, {
    operation: 'update',
    resource,
    ...(change.subresource && { subresource: change.subresource }),
    object: draft,
    previous,
    context,
  })
  let isStored = false
  try {
    const value = cleanCopy(draft)
    if (entries) value.metadata.managedFields = [...entries]
    else delete value.metadata.managedFields
    const generation = isOwn ? previous.metadata.generation : nextGeneration(resource, value, previous)
    if (generation !== undefined) value.metadata.generation = generation
    if (isReleased(resource, value)) {
      if (context.dryRun) return fromStored(served, deepFreeze(value))
      isStored = (await commit(machine, { op: 'delete', key: entry.key, expect: entry.modified })) !== undefined
      return isStored ? fromStored(served, deepFreeze(value)) : undefined
    }
    if (isSameState(value, previous)) {
      isStored = true
      return fromStored(served, previous)
    }
    if (context.dryRun) return fromStored(served, deepFreeze(value))
    const revision = await commit(machine, { op: 'put', key: entry.key, value, expect: entry.modified })
    if (revision === undefined) return undefined
    isStored = true
    return fromStored(served, stored(machine, entry.key, value, revision))
  } finally {
    if (!isStored) abandon()
  }
}

function managedBy(
  machine: Machine,
  served: ResourceDefinition,
  { draft, previous, written }: { draft: KubeObject; previous: KubeObject; written: readonly unknown[] | undefined },
  context: WriteContext,
  { managed, subresource }: Change,
): readonly unknown[] | undefined {
  if (managed === 'proposed') return written
  if (managed === 'kept') return previous.metadata.managedFields
  return managedOfChanged(machine, served, { draft, previous, written, subresource }, context)
}

/** When somebody wrote what he owns is no change of the object. Source: apiserver IgnoreManagedFieldsTimestampsTransformer. */
function isSameState(value: KubeObject, previous: KubeObject): boolean {
  const { managedFields } = previous.metadata
  if (!differInTimesOnly(value.metadata.managedFields, managedFields)) return isDeepStrictEqual(value, previous)
  return isDeepStrictEqual({ ...value, metadata: { ...value.metadata, managedFields } }, previous)
}

/** The proposal, cut to what this request may change. */
function draftOf(resource: ResourceDefinition, proposed: AnyObject, previous: AnyObject, takes: Change['takes']): KubeObject {
  checkPreconditions(resource, proposed.metadata, previous)
  if (takes === 'status') return withStatusOf(resource, proposed, previous)
  if (typeof takes === 'function') return copyOfObject(takes(proposed, previous))
  keepServerFields(resource, proposed, previous)
  if (resource.subresources?.status && takes !== 'everything') {
    if (previous.status === undefined) delete proposed.status
    else proposed.status = cleanCopy(previous.status)
  }
  return proposed
}

/** @throws StatusError 400 when body and URL name different objects. */
export function checkNames(resource: ResourceDefinition, { metadata }: KubeObject, key: ObjectKey): void {
  const { name, namespace } = splitKey(key)
  if (!metadata.name) throw badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`)
  if (metadata.name !== name) throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`)
  if (resource.scope === 'Namespaced' && metadata.namespace && metadata.namespace !== namespace)
    throw badRequest(`the namespace of the object (${metadata.namespace}) does not match the namespace on the URL (${namespace})`)
}
