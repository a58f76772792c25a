import type { KubeObject, ObjectKey } from '@bramble/api/object'
import { splitKey } from '@bramble/api/object'
import { insufficientStorage, internalError, notFound } from '@bramble/api/status-error'
import type { Env } from '@bramble/reconcile/env'
import { DiskFullError, type Entry, type Revision, StorageError, type Write } from '../store/backend/backend.ts'
import { deepFreeze } from '../store/frozen.ts'
import { storeKey } from '../store/keys.ts'
import { StoreConflict, type StoreLike } from '../store/store-types.ts'
import type { Registry } from './registry.ts'
import type { AdmissionStep } from './requests.ts'
import type { ResourceDefinition } from './resource.ts'
import { storageOf } from './versions.ts'

/** What the verbs work with. */
export interface Machine {
  readonly store: StoreLike
  readonly registry: Registry
  /** In order. */
  readonly admission: readonly AdmissionStep[]
  readonly env: Env
}

/** An object whose spec and status are looked at whatever its kind. */
export type AnyObject = KubeObject & { spec?: Record<string, unknown>; status?: Record<string, unknown> }

/** In the stored version. @throws StatusError 404 */
export function entryOf({ store }: Machine, resource: ResourceDefinition, key: ObjectKey): Entry {
  const entry = store.get(storeKey(storageOf(resource), key))
  if (!entry) throw notFound(resource, splitKey(key).name)
  return entry
}

/**
 * Commits one write.
 *
 * @returns Undefined when the object is not what the write expected: look again.
 * @throws StatusError 507 when the disk is full, 500 when it said no otherwise.
 */
export async function commit({ store, env }: Machine, write: Write): Promise<Revision | undefined> {
  try {
    return await store.commit([write])
  } catch (error) {
    if (error instanceof StoreConflict) return undefined
    if (!(error instanceof StorageError)) throw error
    env.log.error('a change is not stored', { error })
    if (error instanceof DiskFullError)
      throw insufficientStorage("the control plane's disk is full and the change is not stored: free some space there, then try again", {
        cause: error,
      })
    throw internalError(`the change is not stored: ${error.message}`, { cause: error })
  }
}

/** What a put left in the store; what was put, stamped, when the next write has replaced it already. */
export function stored({ store }: Machine, key: string, value: KubeObject, revision: Revision): KubeObject {
  const entry = store.get(key)
  if (entry?.modified === revision) return entry.value
  return deepFreeze({ ...value, metadata: { ...value.metadata, resourceVersion: String(revision) } })
}

/**
 * How often a write is tried again when others change the object between our look and our write. Each time one of those
 * others got through, so this is the number of writers at once that one object can bear.
 */
export const RACES_MAX = 1_000
