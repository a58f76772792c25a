import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject, KubeObject } from '@bramble/api/object'
import { ownersOf } from './managed-fields/managed-fields.fixture.ts'
import type { ManagedFieldsEntry } from './managed-fields/managers.ts'
import type { WriteContext } from './requests.ts'
import type { ResourceDefinition } from './resource.ts'
import { aConfigMap, aDeployment, aPod, type Bench, bench, CONFIG_MAPS, DEPLOYMENTS, PODS, specOf } from './test-bench.ts'

const KEY = 'default/web'
const statusOf = (object: KubeObject): JsonObject | undefined => (object as { status?: JsonObject }).status
const own = (object: KubeObject, manager: string): string[] => ownersOf(object).filter((one) => one.startsWith(`${manager} `))
const deployment = (fields: JsonObject): JsonObject => ({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, ...fields })
const applier =
  ({ service, context }: Bench, resource: ResourceDefinition, subresource?: string) =>
  async (manager: string, body: JsonObject, more: Partial<WriteContext> = {}): Promise<KubeObject> =>
    (await service.apply(resource, KEY, body, context({ fieldManager: manager, ...more }), subresource)).object

test('the status is owned apart: by way of /status only, and nothing else there', async (t) => {
  const made = await bench(t)
  await made.service.create(DEPLOYMENTS, 'default', aDeployment('web', 1), made.context({ fieldManager: 'maker' }))
  const main = await applier(made, DEPLOYMENTS)('A', deployment({ metadata: { name: 'web', labels: { a: 'b' } }, status: { replicas: 7 } }))
  assert.deepEqual([statusOf(main) ?? {}, own(main, 'A')], [{}, ['A Apply {"f:metadata":{"f:labels":{"f:a":{}}}}']])

  const body = deployment({ spec: { replicas: 9 }, status: { replicas: 3 } })
  const part = await applier(made, DEPLOYMENTS, 'status')('S', body, { force: true })
  assert.deepEqual([statusOf(part), specOf(part)['replicas']], [{ replicas: 3 }, 1])
  assert.deepEqual(own(part, 'S'), ['S Apply status {"f:status":{"f:replicas":{}}}'])
  await assert.rejects(applier(made, DEPLOYMENTS, 'status')('T', deployment({ status: { replicas: 4 } })), {
    message: 'Apply failed with 1 conflict: conflict with "S" with subresource "status": .status.replicas',
  })
  await made.service.patch(DEPLOYMENTS, KEY, 'merge', { status: { replicas: 5 } }, made.context({ fieldManager: 'U' }), 'status')
  const dropped = await applier(made, DEPLOYMENTS, 'status')('S', deployment({}))
  assert.deepEqual([statusOf(dropped), own(dropped, 'U')], [{ replicas: 5 }, ['U Update status {"f:status":{"f:replicas":{}}}']])
})

test('replicas are owned by way of /scale as by any other', async (t) => {
  const made = await bench(t)
  await made.service.create(DEPLOYMENTS, 'default', aDeployment('web', 1), made.context({ fieldManager: 'maker' }))
  const scale = (replicas: number, metadata: JsonObject = { name: 'web' }): JsonObject => ({
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata,
    spec: { replicas },
  })
  const apply = (manager: string, body: JsonObject, force = false): Promise<KubeObject> =>
    made.service.patchScale(DEPLOYMENTS, KEY, 'apply', body, made.context({ fieldManager: manager, force }))
  await assert.rejects(apply('A', scale(3)), {
    code: 409,
    message: 'Apply failed with 1 conflict: conflict with "maker" using apps/v1: .spec.replicas',
  })
  const scaled = await apply('A', scale(3), true)
  assert.deepEqual([specOf(scaled), ownersOf(scaled)], [{ replicas: 3 }, ['A Apply scale {"f:spec":{"f:replicas":{}}}']])
  const object = await made.service.get(DEPLOYMENTS, KEY)
  assert.deepEqual(own(object, 'A'), ['A Apply scale {"f:spec":{"f:replicas":{}}}'])
  await made.service.patchScale(DEPLOYMENTS, KEY, 'merge', { spec: { replicas: 4 } }, made.context({ fieldManager: 'kubectl' }))
  assert.deepEqual(ownersOf(await made.service.getScale(DEPLOYMENTS, KEY)), ['kubectl Update scale {"f:spec":{"f:replicas":{}}}'])
  await assert.rejects(apply('A', scale(-1), true), { code: 422, message: /must be greater than or equal to 0/ })
  await assert.rejects(apply('A', scale(5, { name: 'web', uid: 'x' }), true), {
    code: 422,
    message: /metadata\.uid: Invalid value: "x": field is immutable/,
  })
  await assert.rejects(apply('A', scale(5, { name: 'web', resourceVersion: '1' }), true), { code: 409 })
  await assert.rejects(apply('A', scale(5, { name: 'other' })), { code: 400 })
  await assert.rejects(apply('A', { ...scale(5), foo: 1 }), {
    message: /\(\/web; autoscaling\/v1, Kind=Scale\): \.foo: field not declared/,
  })
})

test('by way of /status most kinds let their metadata be changed, too', async (t) => {
  const made = await bench(t)
  await made.service.create(PODS, 'default', aPod('web'), made.context({ fieldManager: 'maker' }))
  await made.service.create(DEPLOYMENTS, 'default', aDeployment('web', 1), made.context())
  const patch = { metadata: { labels: { a: 'b' }, annotations: { c: 'd' } } }
  const patched = async (resource: ResourceDefinition): Promise<KubeObject> =>
    made.service.patch(resource, KEY, 'merge', patch, made.context({ fieldManager: 'U' }), 'status')
  const pod = await patched(PODS)
  assert.deepEqual([pod.metadata.labels, pod.metadata.annotations], [{ a: 'b' }, { c: 'd' }])
  assert.deepEqual(own(pod, 'U'), ['U Update status {"f:metadata":{"f:annotations":{".":{},"f:c":{}},"f:labels":{".":{},"f:a":{}}}}'])
  const object = await patched(DEPLOYMENTS)
  assert.deepEqual([object.metadata.labels, object.metadata.annotations], [undefined, { c: 'd' }])
})

/** A pod whose images are written apart. */
const PARTED: ResourceDefinition = {
  ...PODS,
  subresources: {
    status: true,
    named: [
      {
        name: 'image',
        kind: 'Pod',
        verbs: ['get', 'patch', 'update'],
        take: (proposed, previous) => ({
          ...previous,
          spec: { ...specOf(previous), containers: (specOf(proposed)['containers'] ?? []) as JsonObject[] },
        }),
      },
    ],
  },
}

test('what a part leaves as it was is not owned by way of it', async (t) => {
  const made = await bench(t)
  await made.service.create(PODS, 'default', aPod('web'), made.context({ fieldManager: 'maker' }))
  const body: JsonObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', labels: { a: 'b' } },
    spec: { hostname: 'h', containers: [{ name: 'app', image: 'new' }] },
  }
  const changed = await applier(made, PARTED, 'image')('A', body, { force: true })
  assert.deepEqual([specOf(changed)['hostname'], changed.metadata.labels], [undefined, undefined])
  assert.deepEqual(own(changed, 'A'), [
    'A Apply image {"f:spec":{"f:containers":{"k:{\\"name\\":\\"app\\"}":{".":{},"f:image":{},"f:name":{}}}}}',
  ])
})

test('a dry run stores nothing and answers as if, whatever the verb', async (t) => {
  const made = await bench(t)
  const { service, store } = made
  const dry = made.context({ dryRun: true, force: true })
  await service.create(PODS, 'default', aPod('web'), made.context())
  await service.create(DEPLOYMENTS, 'default', aDeployment('web', 1), made.context())
  await service.create(CONFIG_MAPS, 'default', aConfigMap('web', { a: '1' }), made.context())
  const before = store.revision
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'web' }, data: { a: '2' } }
  const dataOf = (object: KubeObject): unknown => (object as { data?: unknown }).data

  assert.deepEqual(dataOf((await service.apply(CONFIG_MAPS, KEY, map, dry)).object), { a: '2' })
  const fresh = await service.apply(CONFIG_MAPS, 'default/new', { ...map, metadata: { name: 'new' } }, dry)
  assert.deepEqual([fresh.isNew, dataOf(fresh.object), fresh.object.metadata.resourceVersion], [true, { a: '2' }, undefined])
  assert.deepEqual(dataOf(await service.update(CONFIG_MAPS, KEY, map, dry)), { a: '2' })
  for (const [type, patch] of [
    ['json', [{ op: 'replace', path: '/data/a', value: '2' }]],
    ['merge', { data: { a: '2' } }],
    ['strategic', { data: { a: '2' } }],
  ] as const)
    assert.deepEqual(dataOf(await service.patch(CONFIG_MAPS, KEY, type, patch, dry)), { a: '2' })
  assert.deepEqual(specOf(await service.patchScale(DEPLOYMENTS, KEY, 'merge', { spec: { replicas: 9 } }, dry)), { replicas: 9 })
  assert.deepEqual(specOf(await service.updateScale(DEPLOYMENTS, KEY, { metadata: { name: 'web' }, spec: { replicas: 9 } }, dry)), {
    replicas: 9,
  })
  await service.bind(KEY, { metadata: { name: 'web' }, target: { kind: 'Node', name: 'pi-1' } }, dry)
  assert.equal((await service.delete(PODS, KEY, {}, dry)).gone, true)
  const list = { labels: [], fields: [], limit: 0, namespace: 'default' }
  assert.equal((await service.deleteCollection(PODS, list, {}, dry)).items.length, 1)
  assert.equal(store.revision, before)
  assert.equal(specOf(await service.get(PODS, KEY))['nodeName'], undefined)
})

test('the control plane’s own writes begin nothing, and keep true what others began', async (t) => {
  const made = await bench(t)
  const { service, client, context } = made
  const ours = await client.create(CONFIG_MAPS, { metadata: { name: 'ours', namespace: 'default' }, data: { a: '1' } } as never)
  assert.equal(ours.metadata.managedFields, undefined)
  const labelled = await service.patch(
    CONFIG_MAPS,
    'default/ours',
    'merge',
    { metadata: { labels: { a: 'b' } } },
    context({ fieldManager: 'kubectl-label' }),
  )
  assert.equal(labelled.metadata.managedFields, undefined, 'who owns the rest is not known')
  const applied = await service.apply(
    CONFIG_MAPS,
    'default/ours',
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'ours' }, data: { a: '1' } },
    context({ fieldManager: 'A' }),
  )
  assert.deepEqual(ownersOf(applied.object), [
    'A Apply {"f:data":{"f:a":{}}}',
    'before-first-apply Update {"f:data":{".":{},"f:a":{}},"f:metadata":{"f:labels":{".":{},"f:a":{}}}}',
  ])
  const theirs = await service.create(CONFIG_MAPS, 'default', aConfigMap('theirs', { a: '1', b: '1' }), context({ fieldManager: 'maker' }))
  const updated = await client.update(CONFIG_MAPS, { ...theirs, data: { a: '2', b: '1' } } as KubeObject)
  assert.deepEqual(ownersOf(updated), ['bramble Update {"f:data":{"f:a":{}}}', 'maker Update {"f:data":{".":{},"f:b":{}}}'])
  await client.delete(CONFIG_MAPS, 'default/ours')
})

test('objects that are like each other share what says who owns them', async (t) => {
  const { service, context } = await bench(t)
  const [a, b] = await Promise.all(['a', 'b'].map((name) => service.create(PODS, 'default', aPod(name), context())))
  const fieldsOf = (object: KubeObject): unknown => (object.metadata.managedFields as ManagedFieldsEntry[])[0]!.fieldsV1
  assert.equal(fieldsOf(a!), fieldsOf(b!))
  const patched = await service.patch(PODS, 'default/a', 'merge', { metadata: { labels: { x: 'y' } } }, context({ fieldManager: 'other' }))
  assert.equal((patched.metadata.managedFields as ManagedFieldsEntry[]).find(({ manager }) => manager === 'test')!.fieldsV1, fieldsOf(b!))
})
