import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyOf } from '@bramble/api/object'
import { endpointSlices } from '../../resources/endpoint-slice.ts'
import { endpoints } from '../../resources/endpoints.ts'
import { services } from '../../resources/service.ts'
import { ensureApiService } from '../../resources/standard-objects/api-service.ts'
import { testBench } from '../test-bench.ts'
import { kubernetesServiceController } from './controller.ts'

const SETTINGS = { apiServiceIp: '10.43.0.1', serviceNetwork: '10.43.0.0/16', advertiseAddress: '192.0.2.1', apiPort: 6443 }
const KEY = 'default/kubernetes'

test('the Service kubernetes, its slice and its endpoints come back when they are deleted', async (t) => {
  const bench = await testBench(t, [kubernetesServiceController(SETTINGS)])
  await ensureApiService(bench.client, SETTINGS)
  const uid = bench.client.get(services, KEY)!.metadata.uid
  await bench.client.delete(services, KEY)
  await bench.client.delete(endpointSlices, KEY)
  await bench.client.delete(endpoints, KEY)
  await bench.pass(1_000)
  assert.notEqual(bench.client.get(services, KEY)!.metadata.uid, uid)
  assert.equal(bench.client.get(services, KEY)!.spec.clusterIP, '10.43.0.1')
  assert.deepEqual(bench.client.get(endpointSlices, KEY)!.endpoints[0]!.addresses, ['192.0.2.1'])
  assert.deepEqual(bench.client.get(endpoints, KEY)?.subsets?.[0]?.addresses, [{ ip: '192.0.2.1' }])
})

test('what somebody bends is straightened, other Services are left alone', async (t) => {
  const bench = await testBench(t, [kubernetesServiceController(SETTINGS)])
  await ensureApiService(bench.client, SETTINGS)
  await bench.client.patch(endpointSlices, KEY, { endpoints: [{ addresses: ['192.0.2.66'] }] })
  const other = await bench.client.create(services, {
    metadata: { name: 'web', namespace: 'default' },
    spec: { ports: [{ port: 80 }] },
  })
  await bench.client.delete(services, keyOf(other))
  await bench.pass(1_000)
  assert.deepEqual(bench.client.get(endpointSlices, KEY)!.endpoints[0]!.addresses, ['192.0.2.1'])
  assert.equal(bench.client.get(services, keyOf(other)), undefined)
})
