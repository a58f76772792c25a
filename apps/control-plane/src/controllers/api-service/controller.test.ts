import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject, NewObject } from '@bramble/api/object'
import type { ApiService, CustomResourceDefinition } from '@bramble/api/types/custom-resource-definition'
import { aCrd } from '../../api/custom/crd.fixture.ts'
import { apiServices } from '../../resources/api-service.ts'
import { customResourceDefinitions as crds } from '../../resources/custom-resource-definition.ts'
import { customResourceDefinitionController } from '../custom-resource-definition/controller.ts'
import { testBench } from '../test-bench.ts'
import { apiServiceController } from './controller.ts'

const CONTROLLERS = [customResourceDefinitionController, apiServiceController]
const aService = (name: string, spec: JsonObject) => ({ metadata: { name }, spec }) as unknown as NewObject<ApiService>

test('there is one for each group and version, those of custom kinds come and go with them', async (t) => {
  const bench = await testBench(t, CONTROLLERS)
  const names = () => bench.client.list(apiServices).map(({ metadata }) => metadata.name)
  const builtIn = bench.registry.groupVersions().filter(({ group }) => group !== 'apiregistration.k8s.io')
  assert.deepEqual(names().sort(), builtIn.map(({ group, version }) => `${version}.${group}`).sort())
  const core = bench.client.get(apiServices, 'v1.')!
  assert.deepEqual(core.spec, { groupPriorityMinimum: 18_000, version: 'v1', versionPriority: 1 })
  assert.deepEqual(core.metadata.labels, { 'kube-aggregator.kubernetes.io/automanaged': 'onstart' })
  const condition = core.status?.conditions?.[0]
  assert.equal(
    `${condition?.type} ${condition?.status} ${condition?.reason}: ${condition?.message}`,
    'Available True Local: Local APIServices are always available',
  )

  await bench.client.create(crds, aCrd({}) as unknown as NewObject<CustomResourceDefinition>)
  await bench.pass(1)
  assert.deepEqual(bench.client.get(apiServices, 'v1.example.com')?.spec, {
    group: 'example.com',
    groupPriorityMinimum: 1000,
    version: 'v1',
    versionPriority: 100,
  })
  await bench.client.delete(crds, 'widgets.example.com')
  await bench.pass(1)
  assert.equal(bench.client.get(apiServices, 'v1.example.com'), undefined)
})

test('what is deleted or bent is put right', async (t) => {
  const bench = await testBench(t, CONTROLLERS)
  await bench.client.delete(apiServices, 'v1.apps')
  await bench.client.patch(apiServices, 'v1.batch', { spec: { groupPriorityMinimum: 5 } })
  await bench.pass(1)
  assert.ok(bench.client.get(apiServices, 'v1.apps'))
  assert.equal(bench.client.get(apiServices, 'v1.batch')?.spec.groupPriorityMinimum, 17_400)
})

test('one that another server would have to answer is kept, and never available', async (t) => {
  const bench = await testBench(t, CONTROLLERS)
  const spec = {
    group: 'metrics.example.com',
    version: 'v1',
    groupPriorityMinimum: 100,
    versionPriority: 100,
    service: { name: 'metrics', namespace: 'default' },
  }
  await bench.client.create(apiServices, aService('v1.metrics.example.com', spec))
  await bench.pass(1)
  const stored = bench.client.get(apiServices, 'v1.metrics.example.com')!
  assert.equal(stored.spec.service?.port, 443)
  assert.deepEqual(
    apiServices.columns.slice(0, 3).map((column) => column.value(stored, 0)),
    ['v1.metrics.example.com', 'default/metrics', 'False (AggregationNotServed)'],
  )
})

const WRONG: readonly (readonly [string, string, JsonObject, string])[] = [
  [
    'another name',
    'v1.other',
    { group: 'a.example.com', version: 'v1' },
    'metadata.name: Invalid value: "v1.other": must be `spec.version+"."+spec.group`: "v1.a.example.com"',
  ],
  ['no group', 'v2.', { version: 'v2' }, 'spec.group: Required value: only v1 may have an empty group and it better be legacy kube'],
  [
    'no priority',
    'v1.a.example.com',
    { group: 'a.example.com', version: 'v1', groupPriorityMinimum: 0 },
    'spec.groupPriorityMinimum: Invalid value: 0: must be positive and less than 20000',
  ],
  [
    'trust in nobody',
    'v1.a.example.com',
    { group: 'a.example.com', version: 'v1', insecureSkipTLSVerify: true },
    'spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have insecureSkipTLSVerify',
  ],
  [
    'a service without a name',
    'v1.a.example.com',
    { group: 'a.example.com', version: 'v1', service: { namespace: 'x' } },
    'spec.service.name: Required value',
  ],
]
for (const [name, title, spec, message] of WRONG)
  test(`refused: ${name}`, async (t) => {
    const bench = await testBench(t, [])
    await assert.rejects(bench.client.create(apiServices, aService(title, { groupPriorityMinimum: 100, versionPriority: 100, ...spec })), {
      message: `APIService.apiregistration.k8s.io "${title}" is invalid: ${message}`,
    })
  })
