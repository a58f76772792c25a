import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mutableCopy } from '@bramble/api/object'
import type { ConfigMap } from '@bramble/api/types/core'
import type { Pod } from '@bramble/api/types/pod'
import { configMaps } from '../../resources/config-map.ts'
import { namespaces } from '../../resources/namespace.ts'
import { pods } from '../../resources/pod.ts'
import { testBench } from '../test-bench.ts'
import { namespaceController } from './controller.ts'
import { remainingConditions } from './plan.ts'

const meta = (name: string, finalizers: string[] = []) => ({ name, uid: name, resourceVersion: '1', creationTimestamp: '', finalizers })
const NOW = '2026-01-01T00:00:00Z'

test('the conditions count what is left and whose finalizers hold it', () => {
  const pod = { metadata: meta('p') }
  const held = { metadata: meta('c', ['example.com/hold']) }
  const conditions = remainingConditions(
    { metadata: meta('a') },
    [
      { resource: 'pods', objects: [pod, pod] },
      { resource: 'configmaps', objects: [held] },
      { resource: 'secrets', objects: [] },
    ],
    undefined,
    NOW,
  )
  assert.deepEqual(conditions.map(({ type, status, message }) => `${type} ${status} ${message}`).slice(2), [
    'NamespaceDeletionContentFailure False All content successfully deleted, may be waiting on finalization',
    'NamespaceContentRemaining True Some resources are remaining: configmaps has 1 resource instances, pods has 2 resource instances',
    'NamespaceFinalizersRemaining True Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
  ])
  const again = remainingConditions({ metadata: meta('a'), status: { conditions: [...conditions] } }, [], 'disk full', NOW)
  assert.deepEqual(
    again.map(({ status }) => status),
    ['False', 'False', 'True', 'False', 'False'],
  )
})

test('a namespace goes with all that is in it; running pods and finalizers of others are waited for, and told of', async (t) => {
  const bench = await testBench(t, [namespaceController])
  const { client } = bench
  await client.create(namespaces, { metadata: { name: 'team' } })
  await client.create<ConfigMap>(configMaps, { metadata: { name: 'plain', namespace: 'team' } })
  await client.create<ConfigMap>(configMaps, { metadata: { name: 'held', namespace: 'team', finalizers: ['example.com/hold'] } })
  await client.create<ConfigMap>(configMaps, { metadata: { name: 'other', namespace: 'default' } })
  await client.create<Pod>(pods, {
    metadata: { name: 'running', namespace: 'team' },
    spec: { nodeName: 'pi', containers: [{ name: 'main', image: 'x' }] },
  })
  await client.delete(namespaces, 'team')
  await bench.pass(1)

  const stuck = client.get(namespaces, 'team')!
  assert.equal(stuck.status?.phase, 'Terminating')
  assert.match(
    stuck.status?.conditions?.find(({ type }) => type === 'NamespaceContentRemaining')?.message ?? '',
    /configmaps has 1 resource instances, pods has 1/,
  )
  assert.equal(client.get(configMaps, 'team/plain'), undefined)
  assert.ok(client.get(pods, 'team/running')!.metadata.deletionTimestamp)

  const held = mutableCopy(client.get(configMaps, 'team/held')!)
  delete held.metadata.finalizers
  await client.update(configMaps, held)
  await client.delete(pods, 'team/running', { gracePeriodSeconds: 0 })
  await bench.pass(1)
  assert.equal(client.get(namespaces, 'team'), undefined)
  assert.ok(client.get(configMaps, 'default/other'))
})
