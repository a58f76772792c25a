import { isDeepStrictEqual } from 'node:util'
import type { ObjectKey } from '@bramble/api/object'
import { keyOf, splitKey } from '@bramble/api/object'
import { conflict, isReason } from '@bramble/api/status-error'
import type { KubeObject } from '@bramble/api/object'
import type { Entry } from '../store/backend/backend.ts'
import { deepFreeze } from '../store/frozen.ts'
import { admit } from './admit.ts'
import { planDelete } from './delete-plan.ts'
import { listObjects } from './list.ts'
import { commit, entryOf, type Machine, RACES_MAX, stored } from './machine.ts'
import type { DeleteRequest, DeleteResult, ListRequest, ListResult, WriteContext } from './requests.ts'
import type { ResourceDefinition } from './resource.ts'
import { fromStored, storageOf } from './versions.ts'

/** See `Resources.delete`. */
export async function deleteObject(
  machine: Machine,
  served: ResourceDefinition,
  key: ObjectKey,
  request: DeleteRequest,
  context: WriteContext,
): Promise<DeleteResult> {
  const resource = storageOf(served)
  for (let attempt = 0; attempt < RACES_MAX; attempt++) {
    const entry = entryOf(machine, resource, key)
    checkDeletePreconditions(resource, entry.value, request)
    const object = entry.value
    const abandon = await admit(machine.admission, { operation: 'delete', resource, object, previous: object, context })
    let isDone = false
    try {
      const result = await deleteOnce(machine, resource, entry, request, context)
      isDone = result !== undefined && !context.dryRun
      if (result) return { ...result, object: fromStored(served, result.object) }
    } finally {
      if (!isDone) abandon()
    }
  }
  throw conflict(resource, splitKey(key).name)
}

async function deleteOnce(
  machine: Machine,
  resource: ResourceDefinition,
  entry: Entry,
  request: DeleteRequest,
  context: WriteContext,
): Promise<DeleteResult | undefined> {
  const object = entry.value
  const plan = planDelete(resource, object, request, machine.env.clock.nowMs())
  if (plan.type === 'remove') {
    if (context.dryRun) return { object, gone: true }
    const revision = await commit(machine, { op: 'delete', key: entry.key, expect: entry.modified })
    return revision === undefined ? undefined : { object, gone: true }
  }
  if (isDeepStrictEqual(plan.object, object)) return { object, gone: false }
  if (context.dryRun) return { object: deepFreeze(plan.object), gone: false }
  const revision = await commit(machine, { op: 'put', key: entry.key, value: plan.object, expect: entry.modified })
  return revision === undefined ? undefined : { object: stored(machine, entry.key, plan.object, revision), gone: false }
}

/** See `Resources.deleteCollection`: one after the other; what is gone meanwhile is fine. */
export async function deleteObjects(
  machine: Machine,
  resource: ResourceDefinition,
  list: ListRequest,
  request: DeleteRequest,
  context: WriteContext,
): Promise<ListResult> {
  const { items, ...rest } = await listObjects(machine, resource, list)
  const deleted: KubeObject[] = []
  for (const item of items) {
    try {
      deleted.push((await deleteObject(machine, resource, keyOf(item), request, context)).object)
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error
    }
  }
  return { ...rest, items: deleted }
}

function checkDeletePreconditions(resource: ResourceDefinition, { metadata }: KubeObject, { preconditions = {} }: DeleteRequest): void {
  const { uid, resourceVersion } = preconditions
  if (uid && uid !== metadata.uid)
    throw conflict(
      resource,
      metadata.name,
      `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
    )
  if (resourceVersion && resourceVersion !== metadata.resourceVersion)
    throw conflict(
      resource,
      metadata.name,
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`,
    )
}
