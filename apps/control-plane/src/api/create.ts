import { randomUUID } from 'node:crypto'
import type { JsonValue, KubeObject } from '@bramble/api/object'
import { keyOf } from '@bramble/api/object'
import { alreadyExists, badRequest, invalid, notFound } from '@bramble/api/status-error'
import { deepFreeze } from '../store/frozen.ts'
import { storeKey } from '../store/keys.ts'
import { admit } from './admit.ts'
import { cleanCopy } from './clean-copy.ts'
import { decodeObject } from './decode.ts'
import { freshStatus } from './fresh-status.ts'
import { type AnyObject, commit, type Machine, stored } from './machine.ts'
import { validateMetadata } from './metadata.ts'
import { generatedName } from './names.ts'
import type { WriteContext } from './requests.ts'
import type { ResourceDefinition } from './resource.ts'
import { stampNew } from './server-fields.ts'
import { managedOfNew } from './tracking.ts'
import { fromStored, storageOf, toStored, validatorOf } from './versions.ts'

/** A generated name that is taken is generated anew, this often. */
const NAMES_MAX = 8

/** See `Resources.create`. */
export async function createObject(
  machine: Machine,
  resource: ResourceDefinition,
  namespace: string | undefined,
  body: JsonValue,
  context: WriteContext,
): Promise<KubeObject> {
  const decoded = toStored(resource, decodeObject(resource, body, context))
  placeIn(resource, decoded, namespace)
  if (decoded.metadata.resourceVersion) throw badRequest('resourceVersion should not be set on objects to be created')
  const isNameGenerated = !decoded.metadata.name && Boolean(decoded.metadata.generateName)
  for (let left = isNameGenerated ? NAMES_MAX : 1; ; left--) {
    const draft = cleanCopy(decoded)
    if (isNameGenerated) draft.metadata.name = generatedName(draft.metadata.generateName!, machine.env.random)
    const created = await createOnce(machine, resource, draft, context)
    if (created) return created
    if (left <= 1) throw alreadyExists(resource, draft.metadata.name)
  }
}

/**
 * Makes an object of a draft in the stored version, which is changed.
 *
 * @param managed Its managed fields, where they are known already; default: the draft's, and the writer owns what it writes.
 * @returns The object as clients of `served` see it; undefined when the name is taken.
 */
export async function createOnce(
  machine: Machine,
  served: ResourceDefinition,
  draft: KubeObject,
  context: WriteContext,
  managed?: { readonly entries: readonly unknown[] | undefined },
): Promise<KubeObject | undefined> {
  const resource = storageOf(served)
  checkNamespaceExists(machine, resource, draft)
  const written = draft.metadata.managedFields
  stampNew(resource, draft, { uid: machine.env.uuid?.() ?? randomUUID(), nowMs: machine.env.clock.nowMs() })
  if (resource.subresources?.status) startStatus(resource, draft)
  resource.prepare?.(draft, undefined)
  resource.applyDefaults?.(draft)
  resource.noteTimes?.(draft, undefined, draft.metadata.creationTimestamp)
  const errors = [...validateMetadata(resource, draft, undefined), ...(validatorOf(served)?.(draft, undefined) ?? [])]
  if (errors.length > 0) throw invalid(resource.group, resource.kind, draft.metadata.name ?? '', errors)
  for (const warning of resource.warnings?.(draft, undefined) ?? []) context.warn(warning)
  const entries = managed ? managed.entries : managedOfNew(machine, served, draft, written, context)

  const key = storeKey(resource, keyOf(draft))
  if (machine.store.get(key)) return undefined
  const abandon = await admit(machine.admission, { operation: 'create', resource, object: draft, previous: undefined, context })
  let isStored = false
  try {
    const value = cleanCopy(draft)
    if (entries) value.metadata.managedFields = [...entries]
    if (context.dryRun) return fromStored(served, deepFreeze(value))
    const revision = await commit(machine, { op: 'put', key, value, expect: 'absent' })
    if (revision === undefined) return undefined
    isStored = true
    return fromStored(served, stored(machine, key, value, revision))
  } finally {
    if (!isStored) abandon()
  }
}

function startStatus(resource: ResourceDefinition, draft: AnyObject): void {
  const status = freshStatus(resource)
  if (status) draft.status = status
  else delete draft.status
}

/** @throws StatusError 400 when URL and body name different namespaces. */
export function placeIn(resource: ResourceDefinition, { metadata }: KubeObject, namespace: string | undefined): void {
  if (resource.scope === 'Cluster') {
    delete metadata.namespace
    return
  }
  if (metadata.namespace && namespace && metadata.namespace !== namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  metadata.namespace = namespace || metadata.namespace
  if (!metadata.namespace) throw badRequest(`an empty namespace may not be set during creation`)
}

function checkNamespaceExists({ registry, store }: Machine, resource: ResourceDefinition, { metadata }: KubeObject): void {
  const namespaces = registry.find('', 'v1', 'namespaces')
  if (!namespaces || resource.scope === 'Cluster') return
  if (!store.get(storeKey(namespaces, metadata.namespace!))) throw notFound(namespaces, metadata.namespace!)
}
