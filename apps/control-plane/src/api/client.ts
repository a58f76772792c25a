import type { LabelSelector } from '@bramble/api/labels'
import type { FieldRequirement } from '@bramble/api/fields'
import type { KubeObject, NewObject, ObjectKey } from '@bramble/api/object'
import type { ResourceDefinition } from './resource.ts'

export interface ListOptions {
  readonly namespace?: string
  readonly selector?: LabelSelector
  readonly fields?: readonly FieldRequirement[]
  /** Only objects that have an owner reference with this uid. Indexed: cheap. */
  readonly ownerUid?: string
}

export interface ClientEvent<T extends KubeObject> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly object: T
  /** What stood there before; absent for ADDED. */
  readonly previous?: T
}

export interface DeleteOptions {
  /** Precondition: fails with Conflict when another object has taken the name. */
  readonly uid?: string
  readonly resourceVersion?: string
  /** Overrides the kind's own grace; 0 removes at once. */
  readonly gracePeriodSeconds?: number
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan'
}

/**
 * How controllers, scheduler and gateway know the cluster. Reads come from the API's own index: synchronous, current,
 * frozen (copy with `mutableCopy` before changing). Writes go through admission, defaults and validation like anyone's.
 *
 * Errors are StatusErrors: NotFound, AlreadyExists, Conflict, Invalid, Forbidden …
 */
export interface ApiClient {
  get<T extends KubeObject>(resource: ResourceDefinition<T>, key: ObjectKey): T | undefined
  list<T extends KubeObject>(resource: ResourceDefinition<T>, options?: ListOptions): readonly T[]
  /**
   * First an ADDED for all that is there, then changes in order, until `signal` aborts. A reader that falls behind
   * is caught up without gaps: it may see one change for several.
   */
  watch<T extends KubeObject>(resource: ResourceDefinition<T>, signal: AbortSignal): AsyncIterable<ClientEvent<T>>
  create<T extends KubeObject>(resource: ResourceDefinition<T>, object: NewObject<T>): Promise<T>
  /** Compare-and-swap on the object's resourceVersion. The status is kept as it is. */
  update<T extends KubeObject>(resource: ResourceDefinition<T>, object: T): Promise<T>
  /** Like update, but takes the status (only). */
  updateStatus<T extends KubeObject>(resource: ResourceDefinition<T>, object: T): Promise<T>
  /**
   * JSON merge patch (RFC 7386) on the newest state; no conflict unless it names a resourceVersion.
   * @param subresource 'status' to change the status.
   */
  patch<T extends KubeObject>(resource: ResourceDefinition<T>, key: ObjectKey, patch: object, subresource?: 'status'): Promise<T>
  /** Puts a pod on a node, once: Conflict when it is on another already. */
  bind(podKey: ObjectKey, podUid: string, nodeName: string): Promise<void>
  delete<T extends KubeObject>(resource: ResourceDefinition<T>, key: ObjectKey, options?: DeleteOptions): Promise<void>
  /** `PUT …/finalize` of a Namespace: takes `spec.finalizers` (only); with none left a terminating one is removed. */
  finalize<T extends KubeObject>(resource: ResourceDefinition<T>, object: T): Promise<void>
}
