import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject, KubeObject } from '@bramble/api/object'
import { ownersOf } from './managed-fields/managed-fields.fixture.ts'
import type { PatchType, WriteContext } from './requests.ts'
import { type Bench, bench, CONFIG_MAPS, NAMESPACES } from './test-bench.ts'

// What a Kubernetes API server was seen to do, request by request.

const dataOf = (object: KubeObject): unknown => (object as { data?: JsonObject }).data
const config = (data: JsonObject | undefined, metadata: JsonObject = {}): JsonObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'y', ...metadata },
  ...(data && { data }),
})

const as = ({ service, context }: Bench) => ({
  apply: (manager: string, body: JsonObject, options: Partial<WriteContext> = {}) =>
    service.apply(CONFIG_MAPS, 'default/y', body, context({ fieldManager: manager, force: false, ...options })),
  patch: (manager: string, body: JsonObject | JsonObject[], type: PatchType = 'merge') =>
    service.patch(CONFIG_MAPS, 'default/y', type, body, context({ fieldManager: manager })),
})

test('two who apply: shared fields, a conflict, force, and what is dropped goes', async (t) => {
  const made = await bench(t)
  const { apply, patch } = as(made)

  const first = await apply('A', config({ a: '1', b: '1' }))
  assert.equal(first.isNew, true)
  assert.deepEqual(ownersOf(first.object), ['A Apply {"f:data":{"f:a":{},"f:b":{}}}'])

  const shared = await apply('B', config({ a: '1' }))
  assert.equal(shared.isNew, false)
  assert.deepEqual(ownersOf(shared.object), ['A Apply {"f:data":{"f:a":{},"f:b":{}}}', 'B Apply {"f:data":{"f:a":{}}}'])

  await assert.rejects(apply('A', config({ a: '2', b: '1' })), {
    code: 409,
    reason: 'Conflict',
    message: 'Apply failed with 1 conflict: conflict with "B": .data.a',
    details: { causes: [{ reason: 'FieldManagerConflict', message: 'conflict with "B"', field: '.data.a' }] },
  })

  const forced = await apply('A', config({ a: '2', b: '1' }), { force: true })
  assert.deepEqual(ownersOf(forced.object), ['A Apply {"f:data":{"f:a":{},"f:b":{}}}'])

  const dropped = await apply('A', config({ a: '2' }))
  assert.deepEqual(dataOf(dropped.object), { a: '2' })
  assert.deepEqual((await apply('A', config({ a: '2' }))).object, dropped.object)

  const patched = await patch('U', { data: { a: '3', u: '1' } })
  assert.deepEqual(ownersOf(patched), ['U Update {"f:data":{"f:a":{},"f:u":{}}}'])
  await assert.rejects(apply('A', config({ a: '4', u: '2' })), {
    code: 409,
    message: 'Apply failed with 2 conflicts: conflicts with "U" using v1:\n- .data.a\n- .data.u',
  })
})

test('preconditions, bodies that are none, and fields that nobody knows', async (t) => {
  const made = await bench(t)
  const { apply } = as(made)
  await assert.rejects(apply('A', config({}, { uid: 'abc' })), {
    code: 409,
    reason: 'Conflict',
    message:
      'Operation cannot be fulfilled on configmaps "y": uid mismatch: the provided object specified uid abc, and no existing object was found',
  })
  const { object } = await apply('A', config({ a: '1' }))
  await assert.rejects(apply('A', config({ a: '2' }, { resourceVersion: '1' })), {
    code: 409,
    message: /the object has been modified; please apply your changes to the latest version and try again$/,
  })
  const { resourceVersion } = object.metadata
  assert.deepEqual(dataOf((await apply('A', config({ a: '2' }, { resourceVersion }))).object), { a: '2' })
  await assert.rejects(apply('A', config({ a: '1' }, { managedFields: [] })), { code: 400, message: 'metadata.managedFields must be nil' })
  for (const fieldValidation of ['Strict', 'Ignore'] as const)
    await assert.rejects(apply('A', { ...config({ a: '1' }), foo: 1 }, { fieldValidation }), {
      code: 400,
      reason: 'BadRequest',
      message: 'failed to create typed patch object (/y; /v1, Kind=ConfigMap): .foo: field not declared in schema',
    })
  await assert.rejects(apply('A', { ...config({}), kind: 'Secret' }), { code: 400, message: 'invalid object type: /v1, Kind=Secret' })
  await assert.rejects(apply('A', config({}, { name: 'z' })), { code: 400, message: /does not match the name on the URL/ })
  await assert.rejects(
    made.service.apply(
      NAMESPACES,
      'none',
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'none' } },
      made.context({ fieldManager: 'A' }),
      'status',
    ),
    { code: 404 },
  )
})
