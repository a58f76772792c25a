import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { conditionOf } from '@bramble/api/conditions'
import type { JsonObject, NewObject } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import type { CustomResourceDefinition } from '@bramble/api/types/custom-resource-definition'
import { aCrd, aVersion, aWidget } from '../../api/custom/crd.fixture.ts'
import type { ResourceDefinition } from '../../api/resource.ts'
import { configMaps } from '../../resources/config-map.ts'
import { customResourceDefinitions as crds } from '../../resources/custom-resource-definition.ts'
import { namespaces } from '../../resources/namespace.ts'
import { garbageCollector } from '../garbage-collector/controller.ts'
import { namespaceController } from '../namespace/controller.ts'
import { type TestBench, testBench } from '../test-bench.ts'
import { Registry } from '../../api/registry.ts'
import { allResources } from '../../resources/all.ts'
import { customResourceDefinitionController } from './controller.ts'

const CONTEXT = { user: { name: 'a', groups: [] }, dryRun: false, fieldManager: 't', fieldValidation: 'Strict', warn: () => {} } as const
const open = (t: TestContext): Promise<TestBench> => testBench(t, [customResourceDefinitionController, namespaceController])
const asCrd = (body: JsonObject) => body as unknown as NewObject<CustomResourceDefinition>
const NAME = 'widgets.example.com'

async function define(bench: TestBench, body: JsonObject = aCrd({})): Promise<void> {
  await bench.client.create(crds, asCrd(body))
  await bench.pass(1)
}
const widgets = ({ registry }: TestBench, version = 'v1'): ResourceDefinition => registry.find('example.com', version, 'widgets')!
const put = (bench: TestBench, body: JsonObject, version = 'v1') => bench.service.create(widgets(bench, version), 'default', body, CONTEXT)

test('a definition is Established, its kind served from that moment on', async (t) => {
  const bench = await open(t)
  await define(bench)
  const { status } = bench.client.get(crds, NAME)!
  assert.deepEqual(
    status?.conditions?.map(({ type, status: holds, reason, message }) => `${type} ${holds} ${reason}: ${message}`),
    ['NamesAccepted True NoConflicts: no conflicts found', 'Established True InitialNamesAccepted: the initial names have been accepted'],
  )
  assert.deepEqual(status?.acceptedNames, {
    plural: 'widgets',
    singular: 'widget',
    kind: 'Widget',
    listKind: 'WidgetList',
    shortNames: ['wd'],
    categories: ['all'],
  })
  assert.deepEqual(status?.storedVersions, ['v1'])
  const made = await put(bench, aWidget({ size: 3 }))
  assert.equal(made.metadata.generation, 1)
  assert.deepEqual((made as unknown as JsonObject)['spec'], { size: 3 })
})

test('a name that another kind of the group has is refused, and given when that one goes', async (t) => {
  const bench = await open(t)
  await define(bench)
  const other = aCrd({ crd: { names: { plural: 'wheels', kind: 'Wheel', shortNames: ['wd'] } } })
  await define(bench, { ...other, metadata: { name: 'wheels.example.com' } })
  const refused = bench.client.get(crds, 'wheels.example.com')!.status
  assert.equal(conditionOf(refused?.conditions, 'NamesAccepted')?.message, '"wd" is already in use')
  assert.equal(conditionOf(refused?.conditions, 'Established')?.status, 'False')
  assert.equal(bench.registry.find('example.com', 'v1', 'wheels'), undefined)
  await bench.client.delete(crds, NAME)
  await bench.pass(1)
  assert.equal(bench.client.get(crds, NAME), undefined)
  assert.equal(conditionOf(bench.client.get(crds, 'wheels.example.com')!.status?.conditions, 'Established')?.status, 'True')
})

test('a definition waits for its objects to go, and takes no new ones meanwhile', async (t) => {
  const bench = await open(t)
  await define(bench)
  await put(bench, aWidget({}, { metadata: { name: 'plain', namespace: 'default' } }))
  await put(bench, aWidget({}, { metadata: { name: 'held', namespace: 'default', finalizers: ['example.com/hold'] } }))
  const resource = widgets(bench)
  await bench.client.delete(crds, NAME)
  await assert.rejects(put(bench, aWidget({})), (error: Error & { code?: number }) => {
    assert.equal(error.code, 405)
    assert.equal(error.message, 'create not allowed while custom resource definition is terminating')
    return true
  })
  await bench.pass(1)
  assert.deepEqual(
    bench.client.list(resource).map(({ metadata }) => metadata.name),
    ['held'],
  )
  assert.equal(conditionOf(bench.client.get(crds, NAME)?.status?.conditions, 'Terminating')?.reason, 'InstanceDeletionInProgress')
  await bench.client.patch(resource, 'default/held', { metadata: { finalizers: [] } })
  await bench.pass(1)
  assert.equal(bench.client.get(crds, NAME), undefined)
  assert.equal(bench.registry.find('example.com', 'v1', 'widgets'), undefined)
})

test('versions show one object each in its own way', async (t) => {
  const bench = await open(t)
  const old = aVersion('v1beta1', {
    storage: false,
    schema: {
      openAPIV3Schema: {
        type: 'object',
        properties: { spec: { type: 'object', properties: { size: { type: 'integer' }, color: { type: 'string', default: 'red' } } } },
      },
    },
  })
  await define(bench, aCrd({ versions: [aVersion('v1'), old] }))
  await put(bench, aWidget({ size: 3, extra: true }))
  const shown = (await bench.service.get(widgets(bench, 'v1beta1'), 'default/w')) as unknown as JsonObject
  assert.equal(shown['apiVersion'], 'example.com/v1beta1')
  assert.deepEqual(shown['spec'], { size: 3, color: 'red' })
  assert.deepEqual(((await bench.service.get(widgets(bench), 'default/w')) as unknown as JsonObject)['spec'], { size: 3, extra: true })
  await assert.rejects(
    bench.service.patch(widgets(bench, 'v1beta1'), 'default/w', 'merge', { spec: { size: 'big' } }, CONTEXT),
    /Widget.example.com "w" is invalid: spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"/,
  )
  assert.equal(bench.client.get(widgets(bench).storage!.resource, 'default/w')?.apiVersion, 'example.com/v1')
})

test('objects of a kind that came later go with their namespace', async (t) => {
  const bench = await open(t)
  await bench.client.create(namespaces, { metadata: { name: 'team' } })
  await define(bench)
  await bench.service.create(widgets(bench), 'team', aWidget({}, { metadata: { name: 'w', namespace: 'team' } }), CONTEXT)
  await bench.client.delete(namespaces, 'team')
  await bench.pass(1)
  assert.equal(bench.client.get(namespaces, 'team'), undefined)
  assert.equal(bench.client.list(widgets(bench)).length, 0)
})

test('objects of a kind that came later own and are owned', async (t) => {
  const registry = new Registry(allResources)
  const bench = await testBench(t, [customResourceDefinitionController, garbageCollector(registry)], registry)
  await define(bench)
  const owner = await put(bench, aWidget({}))
  const ownerReferences = [{ apiVersion: 'example.com/v1', kind: 'Widget', name: 'w', uid: owner.metadata.uid }]
  await bench.client.create(configMaps, { metadata: { name: 'owned', namespace: 'default', ownerReferences } })
  await bench.pass(1)
  assert.ok(bench.client.get(configMaps, 'default/owned'))
  await bench.client.delete(widgets(bench), 'default/w')
  await bench.pass(1)
  assert.equal(bench.client.get(configMaps, 'default/owned'), undefined)
})

test('a watch ends with its kind', async (t) => {
  const bench = await open(t)
  await define(bench)
  const events = bench.service.watch(widgets(bench), { labels: [], fields: [], allowBookmarks: false }, new AbortController().signal)
  const iterator = events[Symbol.asyncIterator]()
  const first = iterator.next()
  await put(bench, aWidget({}))
  assert.equal((await first).value?.type, 'ADDED')
  const last = iterator.next()
  await bench.client.delete(crds, NAME)
  await bench.pass(1_000)
  assert.equal((await last).value?.type, 'DELETED')
  assert.equal((await iterator.next()).done, true)
})

test('a name cannot be taken from a kind that is built in', async (t) => {
  const bench = await open(t)
  const clash = { ...aCrd({ crd: { group: 'apps.k8s.io' } }), metadata: { name: 'widgets.apps.k8s.io' } }
  await assert.rejects(bench.client.create(crds, asCrd(clash)), (error) => isReason(error, 'Invalid'))
})
