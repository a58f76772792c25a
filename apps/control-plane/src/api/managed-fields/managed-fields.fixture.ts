import type { JsonObject, KubeObject } from '@bramble/api/object'
import type { ObjectSchema } from '../schema/object-schema.ts'
import type { ManagedFieldsEntry } from './managers.ts'
import { everything } from './reset-fields.ts'
import { applied, type Author, managedAfterUpdate } from './track.ts'

/** A kind of every sort of field. */
export const THING: ObjectSchema = {
  type: 'object',
  properties: {
    apiVersion: { type: 'string' },
    kind: { type: 'string' },
    metadata: { type: 'ref', ref: 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' },
    number: { type: 'integer', format: 'int32' },
    flag: { type: 'boolean' },
    text: { type: 'string' },
    map: { type: 'map', values: { type: 'string' } },
    atomicMap: { type: 'map', values: { type: 'string' }, mapType: 'atomic' },
    struct: {
      type: 'object',
      properties: { a: { type: 'string' }, b: { type: 'int-or-string' }, inner: { type: 'object', properties: { c: { type: 'string' } } } },
    },
    list: { type: 'array', items: { type: 'string' } },
    set: { type: 'array', items: { type: 'string' }, listType: 'set' },
    items: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          name: { type: 'string' },
          value: { type: 'integer', format: 'int32' },
          more: { type: 'map', values: { type: 'string' } },
        },
      },
      listType: 'map',
      listMapKeys: ['name'],
    },
    ports: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          port: { type: 'integer', format: 'int32' },
          protocol: { type: 'string', default: 'TCP' },
          name: { type: 'string' },
        },
      },
      listType: 'map',
      listMapKeys: ['port', 'protocol'],
    },
    any: { type: 'any' },
  },
}

export const thing = (fields: JsonObject = {}): JsonObject => ({ apiVersion: 'v1', kind: 'Thing', metadata: { name: 'x' }, ...fields })

/** `A Apply status {"f:status":{}}`, one for each entry of an object's managed fields. */
export const ownersOf = ({ metadata }: KubeObject): string[] =>
  ((metadata.managedFields ?? []) as ManagedFieldsEntry[]).map(
    ({ manager, operation, subresource, fieldsV1 }) =>
      `${manager} ${operation}${subresource ? ` ${subresource}` : ''} ${JSON.stringify(fieldsV1)}`,
  )

/** One object and those who write it, each write a second after the one before. */
export class Written {
  readonly #schema: ObjectSchema
  object: JsonObject
  entries: readonly ManagedFieldsEntry[] | undefined
  #seconds = 0

  constructor(schema: ObjectSchema = THING, object: JsonObject = thing()) {
    this.#schema = schema
    this.object = object
  }

  apply(manager: string, config: JsonObject, force = false): this {
    const { object, entries } = applied(this.#author(manager), {
      live: this.object,
      entries: this.entries,
      zero: thing(),
      config,
      force,
    })
    this.object = object
    this.entries = entries
    return this
  }

  update(manager: string, object: JsonObject, written?: readonly unknown[]): this {
    this.entries = managedAfterUpdate(this.#author(manager), {
      before: this.object,
      after: object,
      live: this.entries,
      written,
      startsTracking: true,
    })
    this.object = object
    return this
  }

  /** `A Apply {"f:text":{}}`, one for each entry. */
  get owners(): readonly string[] {
    return (this.entries ?? []).map(({ manager, operation, fieldsV1 }) => `${manager} ${operation} ${JSON.stringify(fieldsV1)}`)
  }

  /** What the object is but for its name. */
  get fields(): JsonObject {
    const { apiVersion: _version, kind: _kind, metadata: _metadata, ...fields } = this.object
    return fields
  }

  #author(manager: string): Author {
    const now = new Date(Date.UTC(2026, 0, 1, 0, 0, this.#seconds++)).toISOString().replace('.000', '')
    return {
      versions: { schema: (version) => (version === 'v1' ? this.#schema : undefined), convert: (object) => object, mayChange: true },
      apiVersion: 'v1',
      manager,
      filter: everything,
      now,
    }
  }
}
