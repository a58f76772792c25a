import type { FieldError } from '@bramble/api/field-error'
import type { JsonObject, JsonValue, KubeObject, Timestamp } from '@bramble/api/object'
import type { Checked } from './schema/check.ts'
import type { ObjectSchema } from './schema/object-schema.ts'

/** One column of the Table that kubectl prints. Name and Age are columns like others. */
export interface Column<T extends KubeObject = KubeObject> {
  readonly name: string
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date'
  /** `name` for the one that names the object; columns of custom kinds may have any. */
  readonly format?: string
  /** 0 always, anything above only with `-o wide`. */
  readonly priority?: number
  readonly description?: string
  /** @param nowMs Epoch milliseconds, for ages. */
  value(object: T, nowMs: number): string | number | boolean | null
}

export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch'

/** JSON paths of `/scale`. Source: CustomResourceSubresourceScale, which the built-in kinds follow as well. */
export interface ScalePaths {
  readonly specReplicas: string
  readonly statusReplicas: string
  /** A path to a LabelSelector (object) or its string form. */
  readonly labelSelector: string
}

/** Everything the API server knows about one kind; routes, discovery, OpenAPI, tables and watch derive from it. */
export interface ResourceDefinition<T extends KubeObject = KubeObject> {
  /** '' for core. */
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly plural: string
  /** Default: the kind in lower case. */
  readonly singular?: string
  /** Of lists. Default: the kind and `List`. */
  readonly listKind?: string
  readonly shortNames?: readonly string[]
  readonly categories?: readonly string[]
  readonly scope: 'Namespaced' | 'Cluster'
  /** Volatile objects live in memory: a restart forgets them, and they never cost a disk write. */
  readonly durability: 'durable' | 'volatile'
  /** Default: all. */
  readonly verbs?: readonly Verb[]
  /** What everybody who asks for the kind in this version is warned of. */
  readonly deprecation?: string
  readonly schema: ObjectSchema
  readonly columns: readonly Column<T>[]
  readonly subresources?: {
    readonly status?: true
    readonly scale?: ScalePaths
    /** Parts of the object that are written apart, and routes of their own: `approval`, `log`, `binding`, `eviction` … */
    readonly named?: readonly NamedSubresource<T>[]
  }
  /** A kind that is served in several versions (or groups) is stored in one; the others say here how to come from and to it. */
  readonly storage?: StoredVersion
  /** Kinds that are not built in; they have no strategic merge patch. */
  readonly custom?: CustomKind
  /** Awaited before each write, with its undecoded body: libraries that the kind's rules need are loaded on first use. */
  beforeWrite?(body: JsonValue): Promise<void>
  /** An update of an object that is not there makes it. So do the kinds of which Kubernetes says `AllowCreateOnUpdate`. */
  readonly allowsCreateOnUpdate?: true
  /** How long a deleted object may stay for an orderly end, in seconds; 0 removes it at once. Pods only, for now. */
  gracePeriodSeconds?(object: T): number
  /** Field selectors besides metadata.name and metadata.namespace. Method syntax keeps ResourceDefinition<Pod> assignable. */
  fields?(object: T): Readonly<Record<string, string>>
  /** Called when a deletion is asked for first, if something must be done before the object may go: adds a finalizer. In place. */
  prepareDelete?(draft: T, now: Timestamp): void
  /** Called on every create and update, after decoding and before validation. Changes the draft in place. */
  applyDefaults?(draft: T): void
  /** Called before defaults on create and update: drops what a client may not set, keeps what it may not change. In place. */
  prepare?(draft: T, previous: T | undefined): void
  /** Called after defaults on every write of a client, of whatever part: notes when something happened. Changes the draft in place. */
  noteTimes?(draft: T, previous: T | undefined, now: Timestamp): void
  /** Only what the schema cannot say. Metadata (names, labels, annotations, owners) is checked for every kind by the machine. */
  validate?(object: T, previous: T | undefined): readonly FieldError[]
  /** What the writer should know although the write is fine: `Warning` headers. Called after validation. */
  warnings?(object: T, previous: T | undefined): readonly string[]
}

/** What is different about a kind that a CustomResourceDefinition defines. */
export interface CustomKind {
  /** Reads a body in place of `schema`, which only says how to merge: the types of values are left to validation. */
  read(body: JsonObject): Checked
  /** OpenAPI v3 schema of an object, without the kind's `x-kubernetes-group-version-kind`. Made anew at each call. */
  openapi(): JsonObject
  /** Aborts when the kind ceases to be served, or is served by another definition: open watches end. */
  readonly gone: AbortSignal
  /** Whether a change of the status alone makes a new generation: the kind has no status subresource. */
  readonly countsStatus: boolean
}

export interface NamedSubresource<T extends KubeObject = KubeObject> {
  readonly name: string
  readonly kind: string
  readonly group?: string
  readonly version?: string
  readonly verbs: readonly string[]
  /**
   * Makes the subresource a part of the object that is read, updated and patched apart, like `status`: returns `previous` with
   * what of `proposed` counts (a copy; neither may be changed). Without it the subresource has a route of its own.
   */
  take?(proposed: T, previous: T): T
  /** With `take`: instead of the kind's own `validate`. */
  validate?(object: T, previous: T): readonly FieldError[]
}

/** Both functions return a copy that may be changed, or their argument when nothing differs. Of the metadata, only annotations may differ. */
export interface StoredVersion {
  /** The definition whose objects are in the store: its `prepare`, `validate`, admission and subresources count. */
  readonly resource: ResourceDefinition
  toStored(object: KubeObject): KubeObject
  fromStored(object: KubeObject): KubeObject
  /** Instead of `resource.validate`, for what clients of this version write. Objects are in the stored version. */
  validate?(object: KubeObject, previous: KubeObject | undefined): readonly FieldError[]
}

export const groupVersionOf = ({ group, version }: { group: string; version: string }): string =>
  group === '' ? version : `${group}/${version}`
