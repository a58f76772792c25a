import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject, JsonValue, KubeObject } from '@bramble/api/object'
import type { AdmissionRequest, AdmissionStep } from './requests.ts'
import type { ResourceDefinition } from './resource.ts'
import { aConfigMap, aDeployment, bench, CONFIG_MAPS, DEPLOYMENTS, EVENTS, NAMESPACES, specOf } from './test-bench.ts'

const statusOf = (object: KubeObject): JsonObject | undefined => (object as { status?: JsonObject }).status
const dataOf = (object: KubeObject): JsonObject | undefined => (object as { data?: JsonObject }).data

test('a new object gets its identity from the server, whatever the body says', async (t) => {
  const { service, context } = await bench(t)
  const made = await service.create(
    DEPLOYMENTS,
    'default',
    {
      ...aDeployment('web'),
      metadata: {
        name: 'web',
        uid: 'mine',
        creationTimestamp: '2001-01-01T00:00:00Z',
        generation: 9,
        deletionTimestamp: '2001-01-01T00:00:00Z',
        managedFields: [{ manager: 'me' }],
      },
      status: { replicas: 7 },
    },
    context(),
  )
  const { uid, resourceVersion, ...rest } = made.metadata
  assert.match(uid, /^[0-9a-f-]{36}$/)
  assert.match(resourceVersion, /^\d+$/)
  const { managedFields, ...own } = rest
  assert.deepEqual(own, { name: 'web', namespace: 'default', creationTimestamp: '2026-01-01T00:00:00Z', generation: 1 })
  assert.deepEqual(
    managedFields?.map((entry) => (entry as { manager: string }).manager),
    ['test'],
  )
  assert.deepEqual(statusOf(made), {})
  assert.deepEqual([made.apiVersion, made.kind], ['apps/v1', 'Deployment'])
  assert.throws(() => {
    made.metadata.name = 'x'
  }, TypeError)
  assert.equal(await service.get(DEPLOYMENTS, 'default/web'), made)
})

test('a namespace carries its name as a label, and cannot lose it', async (t) => {
  const { service, context } = await bench(t)
  const made = await service.create(NAMESPACES, undefined, { metadata: { name: 'team' } }, context())
  assert.deepEqual(made.metadata.labels, { 'kubernetes.io/metadata.name': 'team' })
  const patched = await service.patch(NAMESPACES, 'team', 'merge', { metadata: { labels: null } }, context())
  assert.deepEqual(patched.metadata.labels, { 'kubernetes.io/metadata.name': 'team' })
})

test('generateName adds five letters without vowels', async (t) => {
  const { service, context } = await bench(t)
  const made = await service.create(CONFIG_MAPS, 'default', { metadata: { generateName: 'job-' } }, context())
  assert.match(made.metadata.name, /^job-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
})

test('the generation counts changes of the spec, not of metadata or status', async (t) => {
  const { service, context } = await bench(t)
  await service.create(DEPLOYMENTS, 'default', aDeployment('web', 1), context())
  const generation = async (patch: JsonObject, subresource?: 'status'): Promise<number | undefined> =>
    (await service.patch(DEPLOYMENTS, 'default/web', 'merge', patch, context(), subresource)).metadata.generation
  assert.equal(await generation({ metadata: { labels: { a: 'b' } } }), 1)
  assert.equal(await generation({ status: { replicas: 1 } }, 'status'), 1)
  assert.equal(await generation({ spec: { replicas: 2 } }), 2)
  assert.equal(await generation({ spec: { replicas: 2 } }), 2)
  const map = await service.create(CONFIG_MAPS, 'default', aConfigMap('a'), context())
  assert.equal(map.metadata.generation, undefined)
})

test('the main resource leaves the status alone, the status subresource all else', async (t) => {
  const { service, context } = await bench(t)
  await service.create(DEPLOYMENTS, 'default', aDeployment('web', 1), context())
  const body = { ...aDeployment('web', 5), status: { replicas: 3 } }
  const updated = await service.update(
    DEPLOYMENTS,
    'default/web',
    { ...body, metadata: { name: 'web', labels: { a: 'b' } } },
    context(),
    'status',
  )
  assert.deepEqual([statusOf(updated), specOf(updated)['replicas'], updated.metadata.labels], [{ replicas: 3 }, 1, undefined])
  const again = await service.update(DEPLOYMENTS, 'default/web', { ...body, status: { replicas: 9 } }, context())
  assert.deepEqual([statusOf(again), specOf(again)['replicas']], [{ replicas: 3 }, 5])
})

test('an update that changes nothing keeps the resourceVersion', async (t) => {
  const { service, store, context } = await bench(t)
  const made = await service.create(CONFIG_MAPS, 'default', aConfigMap('a', { x: '1' }), context())
  const before = store.revision
  assert.equal(await service.update(CONFIG_MAPS, 'default/a', { data: { x: '1' }, metadata: { name: 'a' } }, context()), made)
  assert.equal(await service.patch(CONFIG_MAPS, 'default/a', 'merge', { data: { x: '1' } }, context()), made)
  assert.equal(store.revision, before)
})

test('a PUT without resourceVersion is unconditional; a stale one conflicts', async (t) => {
  const { service, context } = await bench(t)
  const first = await service.create(CONFIG_MAPS, 'default', aConfigMap('q1', { x: '1' }), context())
  const second = await service.update(CONFIG_MAPS, 'default/q1', aConfigMap('q1', { x: '2' }), context())
  assert.equal(second.metadata.uid, first.metadata.uid)
  await assert.rejects(service.update(CONFIG_MAPS, 'default/q1', first as unknown as JsonObject, context()), {
    code: 409,
    reason: 'Conflict',
    message:
      'Operation cannot be fulfilled on configmaps "q1": the object has been modified; please apply your changes to the latest version and try again',
  })
  await assert.rejects(service.update(CONFIG_MAPS, 'default/q1', aConfigMap('q1', {}, { uid: 'other' }), context()), {
    code: 409,
    reason: 'Conflict',
  })
  await assert.rejects(
    service.patch(CONFIG_MAPS, 'default/q1', 'merge', { metadata: { resourceVersion: first.metadata.resourceVersion } }, context()),
    { code: 409 },
  )
})

test('names in body and URL must agree, and what is not there is not made', async (t) => {
  const { service, context } = await bench(t)
  await service.create(CONFIG_MAPS, 'default', aConfigMap('q1'), context())
  const put = (name: string): Promise<unknown> => service.update(CONFIG_MAPS, 'default/q1', aConfigMap(name), context())
  await assert.rejects(put('q2'), { code: 400, message: 'the name of the object (q2) does not match the name on the URL (q1)' })
  await assert.rejects(service.update(CONFIG_MAPS, 'default/q1', aConfigMap('q1', {}, { namespace: 'x' }), context()), { code: 400 })
  await assert.rejects(service.update(CONFIG_MAPS, 'default/none', aConfigMap('none'), context()), {
    code: 404,
    message: 'configmaps "none" not found',
  })
  await assert.rejects(service.patch(CONFIG_MAPS, 'default/none', 'merge', {}, context()), { code: 404 })
  await assert.rejects(service.get(DEPLOYMENTS, 'default/none'), { code: 404, message: 'deployments.apps "none" not found' })
})

test('what the server decided cannot be changed by a write', async (t) => {
  const { service, context } = await bench(t)
  const made = await service.create(CONFIG_MAPS, 'default', aConfigMap('a'), context())
  const { metadata } = await service.patch(
    CONFIG_MAPS,
    'default/a',
    'merge',
    {
      metadata: { creationTimestamp: '2001-01-01T00:00:00Z', deletionTimestamp: '2001-01-01T00:00:00Z', generation: 7, labels: { a: 'b' } },
    },
    context(),
  )
  const { managedFields: _managed, ...rest } = metadata
  const { managedFields: _before, ...before } = made.metadata
  assert.deepEqual({ ...rest, resourceVersion: '' }, { ...before, labels: { a: 'b' }, resourceVersion: '' })
})

test('a dry run checks everything and stores nothing', async (t) => {
  const { service, store, context } = await bench(t)
  const dry = context({ dryRun: true })
  const before = store.revision
  const made = await service.create(CONFIG_MAPS, 'default', aConfigMap('a', { x: '1' }), dry)
  assert.deepEqual([dataOf(made), made.metadata.resourceVersion], [{ x: '1' }, undefined])
  await assert.rejects(service.create(CONFIG_MAPS, 'default', aConfigMap('A'), dry), { code: 422 })
  assert.equal(store.revision, before)

  const real = await service.create(CONFIG_MAPS, 'default', aConfigMap('a', { x: '1' }), context())
  const changed = await service.patch(CONFIG_MAPS, 'default/a', 'merge', { data: { x: '2' } }, dry)
  assert.deepEqual([dataOf(changed), changed.metadata.resourceVersion], [{ x: '2' }, real.metadata.resourceVersion])
  assert.equal((await service.delete(CONFIG_MAPS, 'default/a', {}, dry)).gone, true)
  assert.equal(await service.get(CONFIG_MAPS, 'default/a'), real)
})

test('patches without resourceVersion never conflict, however many there are at once', async (t) => {
  const { service, context } = await bench(t)
  await service.create(CONFIG_MAPS, 'default', aConfigMap('a'), context())
  const keys = Array.from({ length: 100 }, (_, index) => `k${index}`)
  await Promise.all(keys.map((key) => service.patch(CONFIG_MAPS, 'default/a', 'merge', { data: { [key]: '1' } }, context())))
  assert.deepEqual(Object.keys(dataOf(await service.get(CONFIG_MAPS, 'default/a'))!).sort(), [...keys].sort())
})

test('of unconditional updates at the same time each is stored, and compare-and-swap lets one win', async (t) => {
  const { service, context } = await bench(t)
  const made = await service.create(CONFIG_MAPS, 'default', aConfigMap('a'), context())
  await Promise.all([1, 2, 3].map((value) => service.update(CONFIG_MAPS, 'default/a', aConfigMap('a', { x: String(value) }), context())))
  const {
    metadata: { resourceVersion },
  } = await service.get(CONFIG_MAPS, 'default/a')
  assert.notEqual(resourceVersion, made.metadata.resourceVersion)
  const swaps = await Promise.allSettled(
    [4, 5, 6].map((value) =>
      service.update(CONFIG_MAPS, 'default/a', aConfigMap('a', { x: String(value) }, { resourceVersion }), context()),
    ),
  )
  assert.deepEqual(swaps.map((swap) => swap.status).sort(), ['fulfilled', 'rejected', 'rejected'])
})

const patches: {
  name: string
  type: 'json' | 'merge' | 'strategic' | 'apply'
  patch: JsonValue
  code: number
  message: string | RegExp
}[] = [
  {
    name: 'a JSON patch whose test fails',
    type: 'json',
    patch: [{ op: 'test', path: '/spec/replicas', value: 9 }],
    code: 422,
    message: 'the server rejected our request due to an error in our request',
  },
  {
    name: 'a wrong type',
    type: 'merge',
    patch: { spec: { replicas: 'x' } },
    code: 422,
    message:
      /is invalid: patch: Invalid value: .*json: cannot unmarshal string into Go struct field DeploymentSpec\.spec\.replicas of type int32$/,
  },
  {
    name: 'an unknown field',
    type: 'strategic',
    patch: { spec: { foo: 1 } },
    code: 422,
    message: /strict decoding error: unknown field "spec\.foo"$/,
  },
  { name: 'another kind', type: 'merge', patch: { kind: 'Pod' }, code: 400, message: /may not change apiVersion and kind/ },
  { name: 'another name', type: 'merge', patch: { metadata: { name: 'other' } }, code: 400, message: /does not match the name on the URL/ },
  { name: 'what is no object', type: 'merge', patch: [], code: 400, message: /a merge patch is an object/ },
]
for (const { name, type, patch, code, message } of patches)
  test(`refuses to patch with ${name}`, async (t) => {
    const { service, context } = await bench(t)
    await service.create(DEPLOYMENTS, 'default', aDeployment('web'), context())
    await assert.rejects(service.patch(DEPLOYMENTS, 'default/web', type, patch, context()), { code, message })
  })

test('admission may change the draft, sees what was before, and takes back what it reserved when nothing is stored', async (t) => {
  const log: string[] = []
  const step: AdmissionStep = {
    name: 'numbering',
    admit: ({ operation, object, previous, resource }: AdmissionRequest) => {
      if (resource !== CONFIG_MAPS) return
      log.push(`${operation} ${previous ? 'changed' : 'new'}`)
      if (operation !== 'delete') object.metadata.annotations = { ...object.metadata.annotations, number: '1' }
    },
    abandon: ({ operation }) => {
      log.push(`abandon ${operation}`)
    },
  }
  const refusing: AdmissionStep = {
    name: 'no',
    admit: ({ object }) => {
      if (object.metadata.labels?.['bad']) throw new Error('no')
    },
  }
  const { service, context } = await bench(t, { admission: [step, refusing] })
  log.length = 0
  const made = await service.create(CONFIG_MAPS, 'default', aConfigMap('a'), context())
  assert.equal(made.metadata.annotations?.['number'], '1')
  for (let twice = 0; twice < 2; twice++) await service.patch(CONFIG_MAPS, 'default/a', 'merge', { data: { x: '1' } }, context())
  await assert.rejects(service.patch(CONFIG_MAPS, 'default/a', 'merge', { metadata: { labels: { bad: 'yes' } } }, context()), /no/)
  await service.create(CONFIG_MAPS, 'default', aConfigMap('b'), context({ dryRun: true }))
  await service.delete(CONFIG_MAPS, 'default/a', {}, context())
  assert.deepEqual(log, [
    'create new',
    'update changed',
    'update changed',
    'update changed',
    'abandon update',
    'create new',
    'abandon create',
    'delete changed',
  ])
})

test('defaults that share one object with the definition do not get frozen with the first object', async (t) => {
  const { service, context } = await bench(t)
  const SHARED = { shared: 'yes' }
  const withDefaults: ResourceDefinition = {
    ...EVENTS,
    applyDefaults: (draft) => {
      draft.metadata.labels ??= SHARED
    },
  }
  const event = { involvedObject: {} }
  for (const name of ['a', 'b']) await service.create(withDefaults, 'default', { metadata: { name }, ...event }, context())
  assert.equal(Object.isFrozen(SHARED), false)
})
