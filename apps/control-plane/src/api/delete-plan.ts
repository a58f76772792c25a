import { timestamp } from '@bramble/api/duration'
import type { KubeObject } from '@bramble/api/object'
import { copyOfObject } from './clean-copy.ts'
import type { AnyObject } from './machine.ts'
import type { DeleteRequest } from './requests.ts'
import type { ResourceDefinition } from './resource.ts'
import { isHeld, isNamespace } from './server-fields.ts'

export type DeletePlan =
  | { readonly type: 'remove' }
  /** It stays for its grace period or its finalizers, marked. Equal to what is stored when there is nothing to do. */
  | { readonly type: 'mark'; readonly object: KubeObject }

/**
 * What deleting an object means now. Pure.
 *
 * A kind with a grace period gets time to end in an orderly way; a second request may shorten that time, never prolong
 * it. Finalizers keep an object of any kind; foreground and orphan deletion are finalizers that the garbage collector
 * takes away again.
 *
 * @see Source: apiserver pkg/registry/rest/delete.go BeforeDelete; pkg/registry/generic/registry/store.go Delete.
 */
export function planDelete(resource: ResourceDefinition, object: KubeObject, request: DeleteRequest, nowMs: number): DeletePlan {
  const draft = copyOfObject(object)
  setPropagation(draft, request.propagationPolicy)
  const graceSeconds = graceOf(resource, object, request)
  const isMarked = object.metadata.deletionTimestamp !== undefined
  if (!isMarked) resource.prepareDelete?.(draft, timestamp(nowMs))

  if (graceSeconds > 0) {
    const isShorter = graceSeconds < (object.metadata.deletionGracePeriodSeconds ?? Infinity)
    if (!isMarked || isShorter) mark(draft, startMs(object, nowMs) + graceSeconds * 1000, graceSeconds, !isMarked)
    return { type: 'mark', object: draft }
  }
  if (!isHeld(resource, draft)) return { type: 'remove' }
  if (!isMarked || (object.metadata.deletionGracePeriodSeconds ?? 0) > 0) mark(draft, startMs(object, nowMs), 0, !isMarked)
  if (isNamespace(resource)) (draft as AnyObject).status = { ...(draft as AnyObject).status, phase: 'Terminating' }
  return { type: 'mark', object: draft }
}

/** Seconds that the object still has; of an object that is ending already, the time it was given unless that is cut. */
function graceOf(resource: ResourceDefinition, object: KubeObject, { gracePeriodSeconds }: DeleteRequest): number {
  const own = resource.gracePeriodSeconds?.(object) ?? 0
  const given = object.metadata.deletionTimestamp === undefined ? undefined : (object.metadata.deletionGracePeriodSeconds ?? 0)
  if (given !== undefined) return gracePeriodSeconds === undefined ? given : Math.min(given, atLeastZero(gracePeriodSeconds))
  if (own === 0) return 0 // the kind has none, or nothing of this object is running
  return gracePeriodSeconds === undefined ? own : atLeastZero(gracePeriodSeconds)
}

/** Source: BeforeDelete: "negative values will be treated as the value `1s`". */
const atLeastZero = (seconds: number): number => (seconds < 0 ? 1 : seconds)

/** When the deletion was asked for first. */
function startMs({ metadata }: KubeObject, nowMs: number): number {
  if (metadata.deletionTimestamp === undefined) return nowMs
  return Date.parse(metadata.deletionTimestamp) - (metadata.deletionGracePeriodSeconds ?? 0) * 1000
}

function mark({ metadata }: KubeObject, atMs: number, graceSeconds: number, isFirst: boolean): void {
  metadata.deletionTimestamp = timestamp(atMs)
  metadata.deletionGracePeriodSeconds = graceSeconds
  if (isFirst && metadata.generation !== undefined) metadata.generation++
}

function setPropagation({ metadata }: KubeObject, policy: DeleteRequest['propagationPolicy']): void {
  if (policy === undefined) return
  const others = (metadata.finalizers ?? []).filter((finalizer) => finalizer !== 'orphan' && finalizer !== 'foregroundDeletion')
  const own = policy === 'Orphan' ? ['orphan'] : policy === 'Foreground' ? ['foregroundDeletion'] : []
  const finalizers = [...others, ...own]
  if (finalizers.length > 0) metadata.finalizers = finalizers
  else delete metadata.finalizers
}
