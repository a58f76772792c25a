import { keyOf, type KubeObject, type ObjectKey } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import { type Outcome, type Reconciler, SETTLED } from '@bramble/reconcile/reconciler'
import type { ApiClient } from '../../api/client.ts'
import type { ResourceDefinition } from '../../api/resource.ts'
import { namespaces } from '../../resources/namespace.ts'
import { type ControllerDefinition, type Kinds, wake } from '../controller.ts'
import { inBatches } from '../in-batches.ts'
import { type Found, isNodeKey, needsLook, nodeKey, OwnerGraph } from './graph.ts'
import { FOREGROUND_FINALIZER, ORPHAN_FINALIZER, planGarbage } from './plan.ts'

/**
 * Deletes what has lost its owners, and ends foreground and orphan deletion, for objects of any kind.
 *
 * Its keys name objects of all kinds; a plain key is that of a namespace, in which everything is looked at anew: so the
 * first events of each namespace are the sweep at the start.
 */
export function garbageCollector(kinds: Kinds): ControllerDefinition {
  const graph = new OwnerGraph(kinds)
  return {
    name: 'garbage-collector',
    primary: namespaces,
    wakes: [],
    wakeOf: (resource) => wake(resource, (event, client) => graph.woken(resource, event, client)),
    concurrency: 10,
    create: ({ client }) => new GarbageCollector(client, graph, kinds),
  }
}

export class GarbageCollector implements Reconciler<ObjectKey> {
  readonly #client: ApiClient
  readonly #graph: OwnerGraph
  readonly #kinds: Kinds

  constructor(client: ApiClient, graph: OwnerGraph, kinds: Kinds) {
    this.#client = client
    this.#graph = graph
    this.#kinds = kinds
  }

  async reconcile(key: ObjectKey): Promise<Outcome> {
    if (isNodeKey(key)) {
      const found = this.#graph.find(this.#client, key)
      if (found) await this.#collect(found)
    } else await this.#sweep(key)
    return SETTLED
  }

  async #sweep(namespace: string): Promise<void> {
    const suspects = this.#kinds
      .stored()
      .filter((resource) => resource.scope === 'Namespaced')
      .flatMap((resource) =>
        this.#client
          .list(resource, { namespace })
          .filter(needsLook)
          .map((object) => nodeKey(resource, object)),
      )
    await all(suspects, async (key) => {
      const found = this.#graph.find(this.#client, key) // it may have gone while others were looked at
      if (found) await this.#collect(found)
    })
  }

  async #collect(found: Found): Promise<void> {
    const { resource, object } = found
    const owned = this.#graph.owned(this.#client, object.metadata.uid)
    const step = planGarbage(
      object,
      (owner) => this.#graph.stateOf(this.#client, object, owner),
      owned.map((each) => each.object),
    )
    switch (step.type) {
      case 'nothing':
        return
      case 'drop-owners':
        return this.#dropOwners(found, step.uids)
      case 'finish-foreground':
        return this.#dropFinalizer(found, FOREGROUND_FINALIZER)
      case 'orphan':
        await all(owned, (each) => this.#dropOwners(each, [object.metadata.uid]))
        return this.#dropFinalizer(found, ORPHAN_FINALIZER)
      case 'delete':
        return ignoringGone(() =>
          this.#client.delete(resource, keyOf(object), {
            uid: object.metadata.uid,
            resourceVersion: object.metadata.resourceVersion,
            propagationPolicy: step.propagationPolicy,
          }),
        )
    }
  }

  #dropOwners({ resource, object }: Found, uids: readonly string[]): Promise<void> {
    const ownerReferences = (object.metadata.ownerReferences ?? []).filter(({ uid }) => !uids.includes(uid))
    return this.#patch(resource, object, { ownerReferences })
  }

  #dropFinalizer({ resource, object }: Found, finalizer: string): Promise<void> {
    return this.#patch(resource, object, { finalizers: (object.metadata.finalizers ?? []).filter((each) => each !== finalizer) })
  }

  /** Of the object as it was seen: whoever changed it meanwhile makes us look again. */
  #patch(resource: ResourceDefinition, object: KubeObject, metadata: object): Promise<void> {
    const { uid, resourceVersion } = object.metadata
    return ignoringGone(() => this.#client.patch(resource, keyOf(object), { metadata: { uid, resourceVersion, ...metadata } }))
  }
}

async function ignoringGone(act: () => Promise<unknown>): Promise<void> {
  try {
    await act()
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error
  }
}

async function all<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const failures = await inBatches(items.length, (index) => act(items[index]!))
  if (failures.length > 0) throw failures[0]
}
