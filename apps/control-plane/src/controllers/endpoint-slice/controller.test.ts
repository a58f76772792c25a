import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Pod } from '@bramble/api/types/pod'
import type { Service } from '@bramble/api/types/service'
import { Registry } from '../../api/registry.ts'
import { allResources } from '../../resources/all.ts'
import { endpointSlices } from '../../resources/endpoint-slice.ts'
import { endpoints } from '../../resources/endpoints.ts'
import { pods } from '../../resources/pod.ts'
import { services } from '../../resources/service.ts'
import { garbageCollector } from '../garbage-collector/controller.ts'
import { type TestBench, testBench } from '../test-bench.ts'
import { endpointSliceController } from './controller.ts'

async function cluster(t: TestContext): Promise<TestBench> {
  const bench = await testBench(t, [endpointSliceController, garbageCollector(new Registry(allResources))])
  await bench.client.create<Service>(services, {
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: { app: 'web' }, clusterIP: 'None', ports: [{ port: 80, targetPort: 8080 }] },
  })
  await bench.pass(1)
  return bench
}
async function addPod(bench: TestBench, name: string, ip: string, app = 'web'): Promise<void> {
  const pod = await bench.client.create<Pod>(pods, {
    metadata: { name, namespace: 'default', labels: { app } },
    spec: { nodeName: 'pi', containers: [{ name: 'main', image: 'x' }] },
  })
  await bench.setPodStatus(pod, { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions: [{ type: 'Ready', status: 'True' }] })
}
const ready = ({ client }: TestBench): string[] =>
  client
    .list(endpointSlices)
    .flatMap((slice) => slice.endpoints ?? [])
    .filter((each) => each.conditions?.ready)
    .map((each) => each.addresses[0]!)
    .sort()
const legacy = ({ client }: TestBench): string[] =>
  (client.get(endpoints, 'default/web')?.subsets ?? []).flatMap((subset) => subset.addresses ?? []).map(({ ip }) => ip)

test('slices and Endpoints follow the pods', async (t) => {
  const bench = await cluster(t)
  await addPod(bench, 'a', '10.42.0.1')
  await addPod(bench, 'b', '10.42.0.2')
  await addPod(bench, 'other', '10.42.0.3', 'db')
  await bench.pass(1)
  assert.deepEqual(
    [ready(bench), legacy(bench)],
    [
      ['10.42.0.1', '10.42.0.2'],
      ['10.42.0.1', '10.42.0.2'],
    ],
  )
  await bench.client.patch(pods, 'default/a', { metadata: { labels: { app: 'debug' } } })
  await bench.client.patch(pods, 'default/b', { status: { conditions: [{ type: 'Ready', status: 'False' }] } }, 'status')
  await bench.pass(1)
  assert.deepEqual([ready(bench), legacy(bench)], [[], []])
  await bench.client.patch(pods, 'default/other', { metadata: { labels: { app: 'web' } } })
  await bench.pass(1)
  assert.deepEqual([ready(bench), legacy(bench), bench.client.list(endpointSlices).length], [['10.42.0.3'], ['10.42.0.3'], 1])
})

test('what does not concern them writes nothing', async (t) => {
  const bench = await cluster(t)
  await addPod(bench, 'a', '10.42.0.1')
  await bench.pass(1)
  const [slice, old] = [bench.client.list(endpointSlices)[0], bench.client.get(endpoints, 'default/web')]
  await bench.client.patch(pods, 'default/a', { metadata: { annotations: { note: 'x' } } })
  await bench.client.patch(services, 'default/web', { metadata: { annotations: { note: 'x' } } })
  await bench.pass(60_000)
  assert.equal(bench.client.list(endpointSlices)[0], slice)
  assert.equal(bench.client.get(endpoints, 'default/web'), old)
})

test('slices that somebody deletes or changes are mended', async (t) => {
  const bench = await cluster(t)
  await addPod(bench, 'a', '10.42.0.1')
  await bench.pass(1)
  const { name } = bench.client.list(endpointSlices)[0]!.metadata
  await bench.client.delete(endpointSlices, `default/${name}`)
  await bench.pass(1)
  await bench.client.patch(endpointSlices, `default/${name}`, { endpoints: [] })
  await bench.client.delete(endpoints, 'default/web')
  await bench.pass(1)
  assert.deepEqual([ready(bench), legacy(bench)], [['10.42.0.1'], ['10.42.0.1']])
})

test('they go with their Service, and those that people made for one without a selector stay', async (t) => {
  const bench = await cluster(t)
  await bench.client.create(endpoints, { metadata: { name: 'mine', namespace: 'default' } })
  await bench.client.create<Service>(services, {
    metadata: { name: 'mine', namespace: 'default' },
    spec: { clusterIP: 'None', ports: [{ port: 80 }] },
  })
  await bench.pass(1)
  await bench.client.delete(services, 'default/web')
  await bench.client.delete(services, 'default/mine')
  await bench.pass(1)
  assert.deepEqual([bench.client.list(endpointSlices), bench.client.list(endpoints).map((each) => each.metadata.name)], [[], ['mine']])
})
