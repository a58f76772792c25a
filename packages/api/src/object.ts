/** Plain JSON, as it crosses every seam. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject
export interface JsonObject {
  readonly [name: string]: JsonValue | undefined
}

/** RFC 3339 instant, UTC, whole seconds (`2026-01-02T03:04:05Z`) unless a field says micro time. */
export type Timestamp = string

/** Source: meta/v1 OwnerReference. */
export interface OwnerReference {
  apiVersion: string
  kind: string
  name: string
  uid: string
  controller?: boolean
  blockOwnerDeletion?: boolean
}

/** Source: meta/v1 ObjectMeta. Fields that the server fills are present on everything read from the API. */
export interface ObjectMeta {
  name: string
  generateName?: string
  namespace?: string
  uid: string
  resourceVersion: string
  generation?: number
  creationTimestamp: Timestamp
  deletionTimestamp?: Timestamp
  deletionGracePeriodSeconds?: number
  labels?: Record<string, string>
  annotations?: Record<string, string>
  ownerReferences?: OwnerReference[]
  finalizers?: string[]
  managedFields?: unknown[]
}

/** Any API object. Concrete kinds extend it in `types/`. */
export interface KubeObject {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
}

/** What a creator supplies: the server fills the rest of the metadata. */
export type NewObject<T extends KubeObject> = Omit<T, 'metadata'> & {
  metadata: Partial<ObjectMeta> & ({ name: string } | { generateName: string })
}

/** `namespace/name` of a namespaced object, `name` of a cluster-scoped one. Unique within a kind. */
export type ObjectKey = string

export const objectKey = (namespace: string | undefined, name: string): ObjectKey => (namespace ? `${namespace}/${name}` : name)

export const keyOf = (object: { metadata: { namespace?: string; name: string } }): ObjectKey =>
  objectKey(object.metadata.namespace, object.metadata.name)

/** The reverse of {@link keyOf}. */
export function splitKey(key: ObjectKey): { readonly namespace?: string; readonly name: string } {
  const slash = key.indexOf('/')
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}

/** `apiVersion` of a group and version: the core group has no name. */
export const apiVersionOf = (group: string, version: string): string => (group === '' ? version : `${group}/${version}`)

/** A deep copy that may be changed: what the API hands out is frozen. */
export const mutableCopy = <T>(object: T): T => structuredClone(object)
