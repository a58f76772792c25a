import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject, JsonValue } from '@bramble/api/object'
import type { JsonSchema } from '@bramble/api/types/custom-resource-definition'
import { applySchemaDefaults } from './defaults.ts'
import { mergeSchema } from './merge-schema.ts'
import { readCustomObject } from './prune.ts'

const SCHEMA: JsonSchema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        size: { type: 'integer', default: 3 },
        color: { type: 'string', nullable: true },
        free: {
          type: 'object',
          'x-kubernetes-preserve-unknown-fields': true,
          properties: { known: { type: 'object', properties: { a: { type: 'string' } } } },
        },
        labels: { type: 'object', additionalProperties: { type: 'object', properties: { a: { type: 'string', default: 'x' } } } },
        list: { type: 'array', items: { type: 'object', properties: { a: { type: 'string' }, b: { type: 'integer', default: 1 } } } },
        object: { type: 'object', 'x-kubernetes-embedded-resource': true, properties: { spec: { type: 'object' } } },
        anything: { type: 'object', additionalProperties: true },
        nested: { type: 'object', default: {}, properties: { deep: { type: 'string', default: 'd' } } },
      },
    },
  },
}

const read = (spec: JsonObject, rest: JsonObject = {}) =>
  readCustomObject(SCHEMA, { apiVersion: 'a/v1', kind: 'K', metadata: { name: 'x' }, spec, ...rest })

const PRUNED: readonly (readonly [string, JsonObject, JsonObject, readonly string[]])[] = [
  ['a field that nobody specified', { size: 1, sise: 2 }, { size: 1 }, ['spec.sise']],
  ['a field within a list', { list: [{ a: 'x' }, { c: 1 }] }, { list: [{ a: 'x' }, {}] }, ['spec.list[1].c']],
  ['a field within an entry of a map', { labels: { k: { a: 'x', z: 1 } } }, { labels: { k: { a: 'x' } } }, ['spec.labels.k.z']],
  ['nothing where unknown fields stay', { free: { any: { thing: [{ x: 1 }] } } }, { free: { any: { thing: [{ x: 1 }] } } }, []],
  [
    'a field of what is specified though unknown ones stay',
    { free: { known: { a: 'x', b: 1 } } },
    { free: { known: { a: 'x' } } },
    ['spec.free.known.b'],
  ],
  [
    'all but what every object has, in an object within',
    { object: { apiVersion: 'v1', kind: 'K', metadata: { name: 'x' }, other: 1 } },
    { object: { apiVersion: 'v1', kind: 'K', metadata: { name: 'x' } } },
    ['spec.object.other'],
  ],
  ['nothing of a map of anything', { anything: { a: { b: [1] } } }, { anything: { a: { b: [1] } } }, []],
]

for (const [name, spec, kept, unknown] of PRUNED)
  test(`dropped: ${name}`, () => {
    const { value, unknown: found } = read(spec)
    assert.deepEqual(value['spec'], kept)
    assert.deepEqual(found, unknown)
  })

test('metadata is read as that of every kind, at the root everything else is specified or unknown', () => {
  const { value, unknown } = readCustomObject(SCHEMA, { apiVersion: 'a/v1', kind: 'K', metadata: { name: 'x', nom: 'y' }, status: {} })
  assert.deepEqual(value, { apiVersion: 'a/v1', kind: 'K', metadata: { name: 'x' } })
  assert.deepEqual(unknown, ['metadata.nom', 'status'])
  assert.throws(() => readCustomObject(SCHEMA, { metadata: { labels: { a: 1 } } }), /cannot unmarshal number/)
})

test('what is empty in the metadata is left out, what is empty in the rest stays', () => {
  const metadata = { name: 'x', labels: {}, annotations: {}, finalizers: [], ownerReferences: [], managedFields: [] }
  const { value, unknown } = readCustomObject(SCHEMA, { metadata, spec: { list: [], labels: {} } })
  assert.deepEqual(value, { metadata: { name: 'x' }, spec: { list: [], labels: {} } })
  assert.deepEqual(unknown, [])
})

test('keys that would change an object instead of its content are refused', () => {
  const body = JSON.parse('{"spec":{"free":{"__proto__":{"a":1}}}}') as JsonObject
  assert.throws(() => readCustomObject(SCHEMA, body), /the key "__proto__" is not allowed/)
})

test('what is nested too deep is refused', () => {
  let deep: JsonObject = {}
  for (let level = 0; level < 200; level++) deep = { a: deep }
  assert.throws(() => read({ free: deep }), /nested more than 100 levels/)
})

const DEFAULTED: readonly (readonly [string, JsonObject, JsonObject])[] = [
  ['a missing value', {}, { size: 3, nested: { deep: 'd' } }],
  ['null where there may be none', { size: null }, { size: 3, nested: { deep: 'd' } }],
  ['not null where there may be', { size: 1, color: null }, { size: 1, color: null, nested: { deep: 'd' } }],
  ['within lists', { size: 1, list: [{}, { b: 2 }] }, { size: 1, list: [{ b: 1 }, { b: 2 }], nested: { deep: 'd' } }],
  ['within maps', { size: 1, labels: { k: {} } }, { size: 1, labels: { k: { a: 'x' } }, nested: { deep: 'd' } }],
  ['a null that nothing stands in for goes', { size: 1, free: null }, { size: 1, nested: { deep: 'd' } }],
]

for (const [name, spec, expected] of DEFAULTED)
  test(`defaulted: ${name}`, () => {
    const object = structuredClone({ spec }) as unknown as Record<string, JsonValue>
    applySchemaDefaults(SCHEMA, object as JsonObject)
    assert.deepEqual(object, { spec: expected })
  })

test('a schema as patches read it: what is merged by which keys, what is one piece', () => {
  const merged = mergeSchema({
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        properties: {
          ports: {
            type: 'array',
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['port'],
            items: { type: 'object', properties: { port: { type: 'integer' } } },
          },
          whole: { type: 'object', 'x-kubernetes-map-type': 'atomic', additionalProperties: { type: 'string' } },
          either: { 'x-kubernetes-int-or-string': true },
          open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        },
      },
    },
  })
  assert.ok(merged.type === 'object')
  assert.deepEqual(merged.properties['spec'], {
    type: 'object',
    properties: {
      ports: {
        type: 'array',
        items: { type: 'object', properties: { port: { type: 'integer', format: 'int64' } } },
        listType: 'map',
        listMapKeys: ['port'],
      },
      whole: { type: 'map', values: { type: 'string' }, mapType: 'atomic' },
      either: { type: 'int-or-string' },
      open: { type: 'object', properties: {}, rest: { type: 'any' } },
    },
  })
  assert.deepEqual(Object.keys(merged.properties), ['apiVersion', 'kind', 'metadata', 'spec'])
})
