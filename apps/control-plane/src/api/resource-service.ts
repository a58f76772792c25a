import type { JsonValue, KubeObject, ObjectKey } from '@bramble/api/object'
import type { Env } from '@bramble/reconcile/env'
import type { StoreLike } from '../store/store-types.ts'
import { applyObject } from './apply.ts'
import { bindPod } from './bind.ts'
import { createObject } from './create.ts'
import { deleteObject, deleteObjects } from './delete.ts'
import { finalizeNamespace } from './finalize.ts'
import { listObjects } from './list.ts'
import { entryOf, type Machine } from './machine.ts'
import { patchObject } from './patch.ts'
import type { Registry } from './registry.ts'
import type {
  AdmissionStep,
  ApplyResult,
  DeleteRequest,
  DeleteResult,
  ListRequest,
  ListResult,
  PatchType,
  Resources,
  Watching,
  WatchRequest,
  WriteContext,
} from './requests.ts'
import type { ResourceDefinition } from './resource.ts'
import { getScale, patchScale, updateScale } from './scale.ts'
import { updateObject } from './update.ts'
import { fromStored } from './versions.ts'
import { watchObjects } from './watch.ts'

export interface ResourceServiceDeps {
  readonly store: StoreLike
  readonly registry: Registry
  readonly admission: readonly AdmissionStep[]
  readonly env: Env
}

/** The verbs over the store; each has a file of its own. */
export class ResourceService implements Resources {
  readonly #machine: Machine

  constructor(deps: ResourceServiceDeps) {
    this.#machine = deps
  }

  async get(resource: ResourceDefinition, key: ObjectKey): Promise<KubeObject> {
    await this.#machine.store.barrier()
    return fromStored(resource, entryOf(this.#machine, resource, key).value)
  }

  list(resource: ResourceDefinition, request: ListRequest): Promise<ListResult> {
    return listObjects(this.#machine, resource, request)
  }

  /** @throws StatusError 400, 422 at once, before the first event. */
  watch(resource: ResourceDefinition, request: WatchRequest, signal: AbortSignal): Watching {
    const { gone } = resource.custom ?? {}
    return watchObjects(this.#machine, resource, request, gone ? AbortSignal.any([signal, gone]) : signal)
  }

  async create(resource: ResourceDefinition, namespace: string | undefined, body: JsonValue, context: WriteContext): Promise<KubeObject> {
    await resource.beforeWrite?.(body)
    return createObject(this.#machine, resource, namespace, body, context)
  }

  async update(
    resource: ResourceDefinition,
    key: ObjectKey,
    body: JsonValue,
    context: WriteContext,
    subresource?: string,
  ): Promise<KubeObject> {
    await resource.beforeWrite?.(body)
    return updateObject(this.#machine, resource, key, body, context, subresource)
  }

  async patch(
    resource: ResourceDefinition,
    key: ObjectKey,
    type: PatchType,
    body: JsonValue,
    context: WriteContext,
    subresource?: string,
  ): Promise<KubeObject> {
    await resource.beforeWrite?.(body)
    return patchObject(this.#machine, resource, key, type, body, context, subresource)
  }

  async apply(
    resource: ResourceDefinition,
    key: ObjectKey,
    body: JsonValue,
    context: WriteContext,
    subresource?: string,
  ): Promise<ApplyResult> {
    await resource.beforeWrite?.(body)
    return applyObject(this.#machine, resource, key, body, context, subresource)
  }

  delete(resource: ResourceDefinition, key: ObjectKey, request: DeleteRequest, context: WriteContext): Promise<DeleteResult> {
    return deleteObject(this.#machine, resource, key, request, context)
  }

  deleteCollection(resource: ResourceDefinition, list: ListRequest, request: DeleteRequest, context: WriteContext): Promise<ListResult> {
    return deleteObjects(this.#machine, resource, list, request, context)
  }

  getScale(resource: ResourceDefinition, key: ObjectKey): Promise<KubeObject> {
    return getScale(this.#machine, resource, key)
  }

  async updateScale(resource: ResourceDefinition, key: ObjectKey, body: JsonValue, context: WriteContext): Promise<KubeObject> {
    return updateScale(this.#machine, resource, key, body, context)
  }

  async patchScale(
    resource: ResourceDefinition,
    key: ObjectKey,
    type: PatchType,
    body: JsonValue,
    context: WriteContext,
  ): Promise<KubeObject> {
    return patchScale(this.#machine, resource, key, type, body, context)
  }

  bind(podKey: ObjectKey, body: JsonValue, context: WriteContext): Promise<void> {
    return bindPod(this.#machine, podKey, body, context)
  }

  async finalize(resource: ResourceDefinition, key: ObjectKey, body: JsonValue, context: WriteContext): Promise<KubeObject> {
    return finalizeNamespace(this.#machine, resource, key, body, context)
  }
}
