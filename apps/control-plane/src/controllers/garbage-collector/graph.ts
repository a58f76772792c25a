import { type KubeObject, type ObjectKey, objectKey, type OwnerReference } from '@bramble/api/object'
import type { ApiClient, ClientEvent } from '../../api/client.ts'
import type { ResourceDefinition } from '../../api/resource.ts'
import type { Kinds } from '../controller.ts'
import { isLeaving, ORPHAN_FINALIZER, type OwnerState } from './plan.ts'

/** Names one object of any kind: a queue key. */
export type NodeKey = ObjectKey

export interface Found {
  readonly resource: ResourceDefinition
  readonly object: KubeObject
}

const SEPARATOR = '|'

interface KindIndex {
  readonly resources: readonly ResourceDefinition[]
  readonly byId: ReadonlyMap<string, ResourceDefinition>
  readonly byKind: ReadonlyMap<string, ResourceDefinition>
}

/** Who owns whom, over all kinds that there are at the moment, read from the API's own index. */
export class OwnerGraph {
  readonly #kinds: Kinds
  #index: KindIndex | undefined

  constructor(kinds: Kinds) {
    this.#kinds = kinds
  }

  find(client: ApiClient, key: NodeKey): Found | undefined {
    const cut = key.indexOf(SEPARATOR)
    const resource = this.#current().byId.get(key.slice(0, cut))
    const object = resource && client.get(resource, key.slice(cut + 1))
    return object && { resource, object }
  }

  /** What names this uid as an owner. */
  owned(client: ApiClient, uid: string): readonly Found[] {
    return this.#current().resources.flatMap((resource) => client.list(resource, { ownerUid: uid }).map((object) => ({ resource, object })))
  }

  /** The state of an owner, from where the object that names it stands. The uid counts, the name may have been taken by another. */
  stateOf(client: ApiClient, object: KubeObject, reference: OwnerReference): OwnerState {
    const resource = this.#ownerKind(reference)
    // Source: kubernetes.io "Garbage Collection": a cluster-scoped object that names a namespaced owner is not collected.
    if (!resource || (resource.scope === 'Namespaced' && object.metadata.namespace === undefined)) return 'unknown'
    const owner = client.get(resource, ownerKey(resource, object, reference))
    if (owner?.metadata.uid !== reference.uid) return 'absent'
    return isLeaving(owner) ? 'leaving' : 'there'
  }

  /** What a change makes worth a look. */
  woken(resource: ResourceDefinition, event: ClientEvent<KubeObject>, client: ApiClient): readonly NodeKey[] {
    const { type, object, previous } = event
    const keys = type !== 'DELETED' && needsLook(object) && !(previous && looksSame(object, previous)) ? [nodeKey(resource, object)] : []
    const replaced = previous && previous.metadata.uid !== object.metadata.uid ? [previous] : []
    const vanished = type === 'DELETED' ? [object, ...replaced] : replaced
    const startsLeaving = type !== 'DELETED' && isLeaving(object) && !(previous && isLeaving(previous))
    for (const each of startsLeaving ? [...vanished, object] : vanished)
      keys.push(...this.owned(client, each.metadata.uid).map((found) => nodeKey(found.resource, found.object)))
    if (previous && !looksSame(object, previous)) keys.push(...this.#waitingOwners(client, previous))
    if (type === 'DELETED') keys.push(...this.#waitingOwners(client, object))
    return keys
  }

  /** Owners that may be waiting for just this object to go. */
  #waitingOwners(client: ApiClient, object: KubeObject): readonly NodeKey[] {
    return (object.metadata.ownerReferences ?? []).flatMap((reference) => {
      const resource = this.#ownerKind(reference)
      const owner = resource && client.get(resource, ownerKey(resource, object, reference))
      return owner && isLeaving(owner) ? [nodeKey(resource, owner)] : []
    })
  }

  /** A kind may be served in another version than the reference was written in. */
  #ownerKind({ apiVersion, kind }: OwnerReference): ResourceDefinition | undefined {
    const slash = apiVersion.indexOf('/')
    return this.#current().byKind.get(`${slash < 0 ? '' : apiVersion.slice(0, slash)} ${kind}`)
  }

  #current(): KindIndex {
    const resources = this.#kinds.stored()
    if (this.#index?.resources !== resources)
      this.#index = {
        resources,
        byId: new Map(resources.map((resource) => [idOf(resource), resource])),
        byKind: new Map(resources.map((resource) => [`${resource.group} ${resource.kind}`, resource])),
      }
    return this.#index
  }
}

export const nodeKey = (resource: ResourceDefinition, { metadata }: KubeObject): NodeKey =>
  `${idOf(resource)}${SEPARATOR}${objectKey(metadata.namespace, metadata.name)}`

export const isNodeKey = (key: string): boolean => key.includes(SEPARATOR)

/** Whether the collector could have anything to do with an object. */
export const needsLook = (object: KubeObject): boolean =>
  (object.metadata.ownerReferences ?? []).length > 0 ||
  isLeaving(object) ||
  (object.metadata.deletionTimestamp !== undefined && (object.metadata.finalizers ?? []).includes(ORPHAN_FINALIZER))

const looksSame = (a: KubeObject, b: KubeObject): boolean => JSON.stringify(lookedAt(a)) === JSON.stringify(lookedAt(b))
const lookedAt = ({ metadata }: KubeObject) => [
  metadata.uid,
  metadata.ownerReferences ?? [],
  metadata.deletionTimestamp !== undefined,
  metadata.finalizers ?? [],
]

const ownerKey = (resource: ResourceDefinition, object: KubeObject, { name }: OwnerReference): ObjectKey =>
  objectKey(resource.scope === 'Namespaced' ? object.metadata.namespace : undefined, name)

/** Whatever the version: the one in which a kind is stored may change. */
const idOf = ({ group, plural }: ResourceDefinition): string => `${group}/${plural}`
