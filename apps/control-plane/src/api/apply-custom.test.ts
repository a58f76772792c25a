import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { JsonObject, KubeObject } from '@bramble/api/object'
import type { CustomResourceDefinition } from '@bramble/api/types/custom-resource-definition'
import { aCrd, aVersion, specSchema } from './custom/crd.fixture.ts'
import { customDefinitions } from './custom/definition.ts'
import type { ManagedFieldsEntry } from './managed-fields/managers.ts'
import type { WriteContext } from './requests.ts'
import { bench, specOf } from './test-bench.ts'

// Kinds of CustomResourceDefinitions, in the two versions in which they are served.

const spec = specSchema({
  type: 'object',
  properties: {
    size: { type: 'integer' },
    tags: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
    parts: {
      type: 'array',
      items: {
        type: 'object',
        required: ['name'],
        properties: { name: { type: 'string' }, kind: { type: 'string', default: 'plain' }, count: { type: 'integer' } },
      },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name', 'kind'],
    },
    place: { type: 'object', properties: { x: { type: 'integer' }, y: { type: 'integer' } }, 'x-kubernetes-map-type': 'atomic' },
    free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  },
})
const version = (name: string, storage: boolean) => aVersion(name, { storage, schema: { openAPIV3Schema: spec } })

async function widgets(t: TestContext) {
  const made = await bench(t)
  const crd = aCrd({ versions: [version('v1', true), version('v2', false)] }) as unknown as CustomResourceDefinition
  const kinds = customDefinitions(crd, { isTerminating: false }, new AbortController().signal)
  made.registry.setCustom(kinds)
  const kindIn = (name: string) => kinds.find((kind) => kind.version === name)!
  const widget = (name: string, fields: JsonObject): JsonObject => ({
    apiVersion: `example.com/${name}`,
    kind: 'Widget',
    metadata: { name: 'w' },
    spec: fields,
  })
  return {
    ...made,
    kindIn,
    apply: async (name: string, manager: string, fields: JsonObject, more: Partial<WriteContext> = {}): Promise<KubeObject> =>
      (await made.service.apply(kindIn(name), 'default/w', widget(name, fields), made.context({ fieldManager: manager, ...more }))).object,
  }
}

const managers = ({ metadata }: KubeObject): string[] =>
  ((metadata.managedFields ?? []) as ManagedFieldsEntry[]).map(
    ({ manager, operation, apiVersion, fieldsV1 }) => `${manager} ${operation} ${apiVersion} ${JSON.stringify(fieldsV1)}`,
  )

test('lists and maps are merged as the schema says', async (t) => {
  const { apply } = await widgets(t)
  await apply('v1', 'A', { tags: ['a'], parts: [{ name: 'x', count: 1 }], place: { x: 1, y: 1 }, free: { a: { b: 1 } } })
  const object = await apply('v1', 'B', { tags: ['b'], parts: [{ name: 'y' }], free: { a: { c: [1] } } })
  assert.deepEqual(specOf(object), {
    tags: ['a', 'b'],
    parts: [
      { name: 'x', kind: 'plain', count: 1 },
      { name: 'y', kind: 'plain' },
    ],
    place: { x: 1, y: 1 },
    free: { a: { b: 1, c: [1] } },
  })
  await assert.rejects(apply('v1', 'B', { place: { x: 2 } }), { message: 'Apply failed with 1 conflict: conflict with "A": .spec.place' })
  const dropped = await apply('v1', 'A', {})
  assert.deepEqual(specOf(dropped), { tags: ['b'], parts: [{ name: 'y', kind: 'plain' }], free: { a: { c: [1] } } })
})

test('who applies is the same in every version; an entry says in which he did last', async (t) => {
  const { apply, service, kindIn, context } = await widgets(t)
  await apply('v1', 'A', { size: 1 })
  const again = await apply('v2', 'A', { size: 1 })
  assert.deepEqual(managers(again), ['A Apply example.com/v2 {"f:spec":{"f:size":{}}}'])
  await service.patch(kindIn('v2'), 'default/w', 'merge', { spec: { size: 2 } }, context({ fieldManager: 'U' }))
  await assert.rejects(apply('v1', 'A', { size: 1 }), {
    message: 'Apply failed with 1 conflict: conflict with "U" using example.com/v2: .spec.size',
  })
  const forced = await apply('v1', 'A', { size: 1 }, { force: true })
  assert.deepEqual([forced.apiVersion, managers(forced)], ['example.com/v1', ['A Apply example.com/v1 {"f:spec":{"f:size":{}}}']])
})

test('a version that is served no more is forgotten', async (t) => {
  const { apply, registry, kindIn } = await widgets(t)
  await apply('v2', 'A', { size: 1 })
  registry.setCustom([kindIn('v1')])
  assert.deepEqual(managers(await apply('v1', 'B', { size: 2 })), ['B Apply example.com/v1 {"f:spec":{"f:size":{}}}'])
})

test('refused: strategic merge, fields that nobody knows, an item twice, another version', async (t) => {
  const { apply, service, kindIn, context } = await widgets(t)
  await apply('v1', 'A', { size: 1 })
  await assert.rejects(service.patch(kindIn('v1'), 'default/w', 'strategic', {}, context()), {
    code: 415,
    reason: 'UnsupportedMediaType',
    message:
      'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
  })
  await assert.rejects(apply('v1', 'A', { sise: 1 }), {
    code: 400,
    message: /\(\/w; example\.com\/v1, Kind=Widget\): \.spec\.sise: field not declared in schema$/,
  })
  await assert.rejects(apply('v1', 'A', { parts: [{ name: 'x' }, { name: 'x', kind: 'plain' }] }), {
    message: /\.spec\.parts: duplicate entries for key \[kind="plain",name="x"\]$/,
  })
  await assert.rejects(
    service.apply(kindIn('v1'), 'default/w', { apiVersion: 'example.com/v2', kind: 'Widget', metadata: { name: 'w' } }, context()),
    { code: 400, message: 'invalid object type: example.com/v2, Kind=Widget' },
  )
})
