import type { FieldRequirement } from '@bramble/api/fields'
import type { LabelRequirement } from '@bramble/api/labels'
import type { JsonObject, JsonValue, KubeObject, ObjectKey } from '@bramble/api/object'
import type { ResourceDefinition } from './resource.ts'

/** Who asks. Source: authentication/v1 UserInfo. */
export interface UserInfo {
  readonly name: string
  readonly uid?: string
  readonly groups: readonly string[]
  /** What else is known, e.g. the pod whose token was shown. */
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

/** What a write brings along besides its body. */
export interface WriteContext {
  readonly user: UserInfo
  readonly dryRun: boolean
  /** `fieldManager`, or the program part of the User-Agent. */
  readonly fieldManager: string
  readonly fieldValidation: 'Strict' | 'Warn' | 'Ignore'
  /** Fields that occur twice in the body, as paths; the decoder knows, the decoded body does not. */
  readonly duplicateFields?: readonly string[]
  /** Server-side apply only: take conflicting fields from their managers. */
  readonly force?: boolean
  /** False: a new object gets no `managedFields` by this write. So write the control plane's own parts: few ask who made what they make. */
  readonly startsTracking?: false
  /** Becomes a `Warning: 299` header. */
  warn(message: string): void
  /** Called before a patch or an update makes an object that was not there. @throws StatusError 403 when the user may not create it. */
  demandCreate?(): void
}

export interface ListRequest {
  readonly namespace?: string
  readonly labels: readonly LabelRequirement[]
  readonly fields: readonly FieldRequirement[]
  /** 0 = no limit. */
  readonly limit: number
  readonly continue?: string
  readonly resourceVersion?: string
  readonly resourceVersionMatch?: string
  /** Forbidden for lists; said here so that it can be refused. */
  readonly sendInitialEvents?: boolean
}

export interface ListResult<T extends KubeObject = KubeObject> {
  readonly items: readonly T[]
  readonly resourceVersion: string
  readonly continue?: string
  readonly remainingItemCount?: number
}

export interface WatchRequest {
  readonly namespace?: string
  readonly labels: readonly LabelRequirement[]
  readonly fields: readonly FieldRequirement[]
  readonly resourceVersion?: string
  readonly resourceVersionMatch?: string
  /** Means nothing to a watch. */
  readonly continue?: string
  readonly allowBookmarks: boolean
  /** Whoever asks will end the watch then: a bookmark comes shortly before, so that the next watch can begin there. */
  readonly timeoutMs?: number
  /** WatchList: what is there as ADDED, then a bookmark annotated `k8s.io/initial-events-end`. */
  readonly sendInitialEvents?: boolean
}

/** `object` of a bookmark has kind, apiVersion and metadata.resourceVersion (and annotations) only; of an error it is a Status. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  readonly object: KubeObject | JsonObject
}

/** A watch that is under way; it keeps no events by itself. */
export interface Watching extends AsyncIterable<WatchEvent> {
  /** The next event if it is there already, without waiting. Nothing is there before the first was waited for. */
  poll(): WatchEvent | undefined
}

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply'

export interface DeleteRequest {
  readonly gracePeriodSeconds?: number
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan'
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string }
}

/** `isNew`: there was no such object before. */
export interface ApplyResult {
  readonly object: KubeObject
  readonly isNew: boolean
}

/** `gone`: the object was removed by this request; else it stays for its grace period or finalizers, as `object` shows. */
export interface DeleteResult {
  readonly object: KubeObject
  readonly gone: boolean
}

/**
 * The verbs, one implementation for every kind. HTTP routes and the local client call nothing else.
 *
 * Objects returned are frozen and complete: apiVersion, kind, metadata.resourceVersion. Errors are StatusErrors with
 * Kubernetes' codes, reasons and messages. Order of a write: decode and check against the schema (strict, warn, ignore)
 * → `prepare` → defaults → metadata and `validate` → admission → compare (no change: no write, same
 * resourceVersion) → store, retried inside on a race unless the client named a resourceVersion.
 */
export interface Resources {
  get(resource: ResourceDefinition, key: ObjectKey): Promise<KubeObject>
  list(resource: ResourceDefinition, request: ListRequest): Promise<ListResult>
  /** Ends when `signal` aborts or after an ERROR event (410 Expired). */
  watch(resource: ResourceDefinition, request: WatchRequest, signal: AbortSignal): Watching
  /** `body` as decoded from JSON, YAML or protobuf: unchecked. */
  create(resource: ResourceDefinition, namespace: string | undefined, body: JsonValue, context: WriteContext): Promise<KubeObject>
  /** @param subresource `status`, or a named one that is a part of the object (`take`). */
  update(resource: ResourceDefinition, key: ObjectKey, body: JsonValue, context: WriteContext, subresource?: string): Promise<KubeObject>
  patch(
    resource: ResourceDefinition,
    key: ObjectKey,
    type: PatchType,
    body: JsonValue,
    context: WriteContext,
    subresource?: string,
  ): Promise<KubeObject>
  /** Server-side apply: what is not there is made, save by way of a subresource. `patch` with `apply` is the same. */
  apply(resource: ResourceDefinition, key: ObjectKey, body: JsonValue, context: WriteContext, subresource?: string): Promise<ApplyResult>
  delete(resource: ResourceDefinition, key: ObjectKey, request: DeleteRequest, context: WriteContext): Promise<DeleteResult>
  deleteCollection(resource: ResourceDefinition, list: ListRequest, request: DeleteRequest, context: WriteContext): Promise<ListResult>
  /** autoscaling/v1 Scale of an object whose definition has scale paths. */
  getScale(resource: ResourceDefinition, key: ObjectKey): Promise<KubeObject>
  updateScale(resource: ResourceDefinition, key: ObjectKey, body: JsonValue, context: WriteContext): Promise<KubeObject>
  patchScale(resource: ResourceDefinition, key: ObjectKey, type: PatchType, body: JsonValue, context: WriteContext): Promise<KubeObject>
  /** `POST pods/x/binding` and `POST bindings`. */
  bind(podKey: ObjectKey, body: JsonValue, context: WriteContext): Promise<void>
  /** `PUT namespaces/x/finalize`. */
  finalize(resource: ResourceDefinition, key: ObjectKey, body: JsonValue, context: WriteContext): Promise<KubeObject>
}

/** One step that every write passes before it is stored; may change the draft in place, or refuse with a StatusError. */
export interface AdmissionStep {
  readonly name: string
  admit(request: AdmissionRequest): void | Promise<void>
  /** Takes back what `admit` reserved (an address, a port) when the write failed or was a dry run. */
  abandon?(request: AdmissionRequest): void
}
export interface AdmissionRequest {
  readonly operation: 'create' | 'update' | 'delete'
  readonly resource: ResourceDefinition
  readonly subresource?: string
  /** Mutable on create and update; the stored object on delete. */
  readonly object: KubeObject
  readonly previous: KubeObject | undefined
  readonly context: WriteContext
}
