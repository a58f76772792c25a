import { requirementsOf } from '@bramble/api/labels'
import type { JsonObject, JsonValue, KubeObject, NewObject, ObjectKey } from '@bramble/api/object'
import { keyOf, splitKey } from '@bramble/api/object'
import type { Entry } from '../store/backend/backend.ts'
import { prefixOf, storeKey } from '../store/keys.ts'
import { Expired, type StoreReads } from '../store/store-types.ts'
import type { ApiClient, ClientEvent, DeleteOptions, ListOptions } from './client.ts'
import { OwnerIndex } from './owner-index.ts'
import type { Resources, UserInfo, WriteContext } from './requests.ts'
import type { ResourceDefinition } from './resource.ts'
import { selector } from './selection.ts'

const SYSTEM: UserInfo = { name: 'system:bramble', groups: ['system:masters', 'system:authenticated'] }

export interface LocalClientOptions {
  readonly store: StoreReads
  readonly resources: Resources
  readonly component?: string
  readonly warn?: (message: string) => void
}

/** The API for those who live in the same process: reads come straight from the store, writes go the way of all writes. */
export class LocalClient implements ApiClient {
  readonly #store: StoreReads
  readonly #resources: Resources
  readonly #owners: OwnerIndex
  readonly #context: WriteContext

  /**
   * @param options.component Becomes the field manager of what this client writes.
   * @param options.warn Told of fields that the schema does not know; they are dropped (an agent may be newer than we are).
   */
  constructor({ store, resources, component = 'bramble', warn = () => {} }: LocalClientOptions) {
    this.#store = store
    this.#resources = resources
    this.#owners = new OwnerIndex(store)
    this.#context = { user: SYSTEM, dryRun: false, fieldManager: component, fieldValidation: 'Warn', startsTracking: false, warn }
  }

  get<T extends KubeObject>(resource: ResourceDefinition<T>, key: ObjectKey): T | undefined {
    return this.#store.get(storeKey(resource, key))?.value as T | undefined
  }

  list<T extends KubeObject>(resource: ResourceDefinition<T>, options: ListOptions = {}): readonly T[] {
    const labels = options.selector ? requirementsOf(options.selector) : []
    const matches = selector(resource as ResourceDefinition, { labels, fields: options.fields ?? [] })
    const found = this.#candidates(resource, options).map((entry) => entry.value)
    return found.filter(matches) as readonly KubeObject[] as readonly T[]
  }

  watch<T extends KubeObject>(resource: ResourceDefinition<T>, signal: AbortSignal): AsyncIterable<ClientEvent<T>> {
    return this.#follow(prefixOf(resource), signal) as AsyncIterable<ClientEvent<T>>
  }

  async create<T extends KubeObject>(resource: ResourceDefinition<T>, object: NewObject<T>): Promise<T> {
    return (await this.#resources.create(resource as ResourceDefinition, object.metadata.namespace, asJson(object), this.#context)) as T
  }

  async update<T extends KubeObject>(resource: ResourceDefinition<T>, object: T): Promise<T> {
    return (await this.#resources.update(resource as ResourceDefinition, keyOf(object), asJson(object), this.#context)) as T
  }

  async updateStatus<T extends KubeObject>(resource: ResourceDefinition<T>, object: T): Promise<T> {
    return (await this.#resources.update(resource as ResourceDefinition, keyOf(object), asJson(object), this.#context, 'status')) as T
  }

  async patch<T extends KubeObject>(resource: ResourceDefinition<T>, key: ObjectKey, patch: object, subresource?: 'status'): Promise<T> {
    return (await this.#resources.patch(resource as ResourceDefinition, key, 'merge', asJson(patch), this.#context, subresource)) as T
  }

  async bind(podKey: ObjectKey, podUid: string, nodeName: string): Promise<void> {
    const { namespace, name } = splitKey(podKey)
    const body: JsonObject = { metadata: { name, namespace, uid: podUid }, target: { apiVersion: 'v1', kind: 'Node', name: nodeName } }
    await this.#resources.bind(podKey, body, this.#context)
  }

  async delete<T extends KubeObject>(resource: ResourceDefinition<T>, key: ObjectKey, options: DeleteOptions = {}): Promise<void> {
    const { uid, resourceVersion, ...request } = options
    const preconditions = { ...(uid !== undefined && { uid }), ...(resourceVersion !== undefined && { resourceVersion }) }
    await this.#resources.delete(resource as ResourceDefinition, key, { ...request, preconditions }, this.#context)
  }

  async finalize<T extends KubeObject>(resource: ResourceDefinition<T>, object: T): Promise<void> {
    await this.#resources.finalize(resource as ResourceDefinition, keyOf(object), asJson(object), this.#context)
  }

  #candidates<T extends KubeObject>(resource: ResourceDefinition<T>, { namespace, ownerUid }: ListOptions): readonly Entry[] {
    const prefix = prefixOf(resource, namespace)
    if (ownerUid === undefined) return this.#store.list(prefix).entries
    return this.#owners
      .ownedBy(ownerUid)
      .filter((key) => key.startsWith(prefix))
      .map((key) => this.#store.get(key)!)
  }

  /** A reader that fell out of the history compares what it knows with what is there and goes on from there. */
  async *#follow(prefix: string, signal: AbortSignal): AsyncGenerator<ClientEvent<KubeObject>> {
    const known = new Map<string, KubeObject>()
    while (!signal.aborted) {
      const { entries, revision } = this.#store.list(prefix)
      yield* catchUp(known, entries)
      try {
        for await (const {
          type,
          key,
          entry: { value },
        } of this.#store.watch(prefix, revision, signal)) {
          const previous = known.get(key)
          if (type === 'put') known.set(key, value)
          else known.delete(key)
          yield type === 'delete' ? { type: 'DELETED', object: value, ...(previous && { previous }) } : changeTo(value, previous)
        }
        return
      } catch (error) {
        if (!(error instanceof Expired)) throw error
      }
    }
  }
}

/** What changed between what was known and what is there; `known` is brought up to date. */
function* catchUp(known: Map<string, KubeObject>, entries: readonly Entry[]): Generator<ClientEvent<KubeObject>> {
  const present = new Map(entries.map((entry) => [entry.key, entry.value]))
  for (const [key, previous] of [...known]) {
    if (present.get(key)?.metadata.uid === previous.metadata.uid) continue
    known.delete(key)
    yield { type: 'DELETED', object: previous, previous }
  }
  for (const [key, value] of present) {
    const previous = known.get(key)
    if (previous?.metadata.resourceVersion === value.metadata.resourceVersion) continue
    known.set(key, value)
    yield changeTo(value, previous)
  }
}

const changeTo = (object: KubeObject, previous: KubeObject | undefined): ClientEvent<KubeObject> =>
  previous ? { type: 'MODIFIED', object, previous } : { type: 'ADDED', object }

/** Objects of our own types are plain JSON. */
const asJson = (object: object): JsonValue => object as JsonObject
