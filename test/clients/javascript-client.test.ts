import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  type ApiException,
  AppsV1Api,
  CoreV1Api,
  KubeConfig,
  KubernetesObjectApi,
  PatchStrategy,
  setHeaderOptions,
  type V1ConfigMap,
  type V1Deployment,
  type V1Status,
} from '@kubernetes/client-node'
import { type HollowFleet, hollowFleet } from '../sim/hollow-fleet.ts'

// The JavaScript client against a real server: typed calls, objects of any kind, patches of every type, errors.

const namespace = 'default'
let fleet: HollowFleet
let config: KubeConfig
let core: CoreV1Api
let objects: KubernetesObjectApi

before(async () => {
  fleet = await hollowFleet(0)
  config = new KubeConfig()
  config.loadFromFile(fleet.kubeconfig)
  core = config.makeApiClient(CoreV1Api)
  objects = KubernetesObjectApi.makeApiClient(config)
})
after(() => fleet.stop())

const deployment = (name: string): V1Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'main', image: 'localhost/web:1' }] } },
  },
})
const map = (name: string, data: Record<string, string>): V1ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
  data,
})
/** The Status that a call was refused with. */
async function refusal(call: Promise<unknown>): Promise<V1Status> {
  try {
    await call
  } catch (error) {
    const { body } = error as ApiException<V1Status | string>
    return typeof body === 'string' ? (JSON.parse(body) as V1Status) : body
  }
  assert.fail('it was not refused')
}

describe('typed clients', () => {
  it('create, read, replace and delete', async () => {
    const created = await core.createNamespacedConfigMap({ namespace, body: map('typed', { a: '1' }) })
    assert.ok(created.metadata!.creationTimestamp instanceof Date)
    const read = await core.readNamespacedConfigMap({ namespace, name: 'typed' })
    assert.equal(read.metadata!.uid, created.metadata!.uid)
    const replaced = await core.replaceNamespacedConfigMap({ namespace, name: 'typed', body: { ...read, data: { a: '2' } } })
    assert.deepEqual(replaced.data, { a: '2' })
    const stale = await refusal(core.replaceNamespacedConfigMap({ namespace, name: 'typed', body: { ...read, data: { a: '3' } } }))
    assert.deepEqual([stale.code, stale.reason], [409, 'Conflict'])
    const deleted = await core.deleteNamespacedConfigMap({ namespace, name: 'typed' })
    assert.deepEqual([deleted.status, deleted.details!.uid], ['Success', created.metadata!.uid])
    const gone = await refusal(core.readNamespacedConfigMap({ namespace, name: 'typed' }))
    assert.deepEqual([gone.code, gone.reason, gone.message], [404, 'NotFound', 'configmaps "typed" not found'])
  })

  it('patch in three ways', async () => {
    const apps = config.makeApiClient(AppsV1Api)
    await apps.createNamespacedDeployment({ namespace, body: deployment('patched') })
    const patch = (body: object, strategy: PatchStrategy): Promise<V1Deployment> =>
      apps.patchNamespacedDeployment({ namespace, name: 'patched', body }, setHeaderOptions('Content-Type', strategy))
    const strategic = await patch(
      { spec: { template: { spec: { containers: [{ name: 'side', image: 'localhost/side:1' }] } } } },
      PatchStrategy.StrategicMergePatch,
    )
    assert.deepEqual(strategic.spec!.template.spec!.containers.map(({ name }) => name).sort(), ['main', 'side'])
    const merged = await patch({ metadata: { labels: { team: 'blue' } }, spec: { paused: true } }, PatchStrategy.MergePatch)
    assert.deepEqual([merged.metadata!.labels, merged.spec!.paused], [{ team: 'blue' }, true])
    const edited = await patch([{ op: 'remove', path: '/spec/paused' }], PatchStrategy.JsonPatch)
    assert.equal(edited.spec!.paused, undefined)
    assert.equal(edited.metadata!.generation, 4)
  })

  it('list page by page and by selectors', async () => {
    for (const name of ['page-1', 'page-2', 'page-3'])
      await core.createNamespacedConfigMap({
        namespace,
        body: { ...map(name, {}), metadata: { name, labels: { page: name === 'page-2' ? 'even' : 'odd' } } },
      })
    const names: (string | undefined)[] = []
    let next: string | undefined
    do {
      const page = await core.listNamespacedConfigMap({ namespace, limit: 1, labelSelector: 'page', ...(next && { _continue: next }) })
      names.push(...page.items.map(({ metadata }) => metadata!.name))
      next = page.metadata!._continue || undefined
    } while (next !== undefined)
    assert.deepEqual(names, ['page-1', 'page-2', 'page-3'])
    const odd = await core.listConfigMapForAllNamespaces({ labelSelector: 'page in (odd)', fieldSelector: 'metadata.name!=page-1' })
    assert.deepEqual(
      odd.items.map(({ metadata }) => metadata!.name),
      ['page-3'],
    )
    await core.deleteCollectionNamespacedConfigMap({ namespace, labelSelector: 'page' })
    assert.equal((await core.listNamespacedConfigMap({ namespace, labelSelector: 'page' })).items.length, 0)
  })
})

describe('objects of any kind', () => {
  it('are created, read, listed, replaced and deleted by what they say of themselves', async () => {
    await objects.create(map('dynamic', { a: '1' }))
    const head = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'dynamic', namespace } }
    const read = await objects.read<V1ConfigMap>(head)
    assert.deepEqual(read.data, { a: '1' })
    const list = await objects.list<V1ConfigMap>('v1', 'ConfigMap', namespace, undefined, undefined, undefined, 'metadata.name=dynamic')
    assert.deepEqual([list.kind, list.items.length], ['ConfigMapList', 1])
    assert.deepEqual((await objects.replace({ ...read, data: { a: '2' } })).data, { a: '2' })
    assert.equal((await objects.delete(head)).status, 'Success')
    assert.equal((await refusal(objects.read(head))).code, 404)
  })

  const change = (metadata: object, data: object): V1ConfigMap =>
    ({ ...map('changed', {}), metadata: { name: 'changed', namespace, ...metadata }, data }) as V1ConfigMap
  const patches = [
    { strategy: PatchStrategy.MergePatch, body: change({}, { a: null, b: 'merge' }), data: { b: 'merge', keep: 'me' } },
    { strategy: PatchStrategy.StrategicMergePatch, body: change({}, { a: 'strategic' }), data: { a: 'strategic', keep: 'me' } },
  ]
  for (const { strategy, body, data } of patches)
    it(`are patched with ${strategy}`, async () => {
      await objects.create(map('changed', { a: '1', keep: 'me' }))
      const patched = await objects.patch(body, undefined, undefined, 'test', undefined, strategy)
      assert.deepEqual(patched.data, data)
      await objects.delete(body)
    })

  it('are applied; a conflict names the other manager, force takes the field', async () => {
    const apply = (value: string, manager: string, force: boolean): Promise<V1ConfigMap> =>
      objects.patch(map('applied', { a: value }), undefined, undefined, manager, force, PatchStrategy.ServerSideApply)
    assert.deepEqual((await apply('1', 'anna', false)).data, { a: '1' })
    const refused = await refusal(apply('2', 'ben', false))
    assert.deepEqual(
      [refused.code, refused.reason, refused.message],
      [409, 'Conflict', 'Apply failed with 1 conflict: conflict with "anna": .data.a'],
    )
    assert.deepEqual(refused.details!.causes, [{ reason: 'FieldManagerConflict', message: 'conflict with "anna"', field: '.data.a' }])
    const forced = await apply('2', 'ben', true)
    assert.deepEqual(
      forced.metadata!.managedFields!.map(({ manager, operation }) => [manager, operation]),
      [['ben', 'Apply']],
    )
  })

  it('that are wrong are refused with every cause', async () => {
    const wrong = { ...deployment('Wrong'), spec: { ...deployment('x').spec!, replicas: -1 } }
    const status = await refusal(objects.create(wrong))
    assert.deepEqual([status.code, status.reason, status.details!.kind, status.details!.group], [422, 'Invalid', 'Deployment', 'apps'])
    assert.deepEqual(
      status.details!.causes!.map(({ field, reason }) => [field, reason]),
      [
        ['metadata.name', 'FieldValueInvalid'],
        ['spec.replicas', 'FieldValueInvalid'],
      ],
    )
  })
})
