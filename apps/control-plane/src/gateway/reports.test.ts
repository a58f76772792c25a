import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NewObject } from '@bramble/api/object'
import type { PersistentVolume } from '@bramble/api/types/volume'
import type { StatusReport } from '@bramble/link/link'
import { nodes } from '../resources/node.ts'
import { persistentVolumes } from '../resources/persistent-volume.ts'
import { podMetrics } from '../resources/pod-metrics.ts'
import { pods } from '../resources/pod.ts'
import { csiNodes } from '../resources/storage/csi-node.ts'
import { harness, nodeStatus } from './gateway.fixture.ts'

// What nodes report besides the state of themselves and their pods; each about its own only.

const usage = (pod: { metadata: { name: string; uid: string } }, cpuMillis: number, ...names: string[]): StatusReport => ({
  type: 'pod-usage',
  namespace: 'default',
  name: pod.metadata.name,
  uid: pod.metadata.uid,
  windowMs: 15_000,
  containers: names.map((name) => ({ name, cpuMillis, memoryBytes: 2 ** 20 })),
})

test('what a pod uses is kept in memory with its labels, as long as it is measured', async (t) => {
  const h = await harness(t)
  const node = await h.connect('pi-1')
  const pod = await h.client.create(pods, {
    metadata: { name: 'web', namespace: 'default', labels: { app: 'web' } },
    spec: { nodeName: 'pi-1', containers: [{ name: 'app', image: 'a' }] },
  })
  await h.report(node, usage(pod, 12.4, 'app', 'unknown'))
  const kept = h.client.get(podMetrics, 'default/web')!
  assert.deepEqual(
    [kept.containers, kept.window, kept.metadata.labels],
    [[{ name: 'app', usage: { cpu: '12m', memory: '1Mi' } }], '15s', { app: 'web' }],
  )
  assert.equal(kept.metadata.ownerReferences?.[0]?.uid, pod.metadata.uid)
  assert.equal(
    [...h.disk.entries.keys()].some((key) => key.includes('metrics')),
    false,
  )

  await h.client.patch(pods, 'default/web', { metadata: { labels: { app: null, tier: 'front' } } })
  await h.report(node, usage(pod, 200, 'app'))
  const again = h.client.get(podMetrics, 'default/web')!
  assert.deepEqual([again.containers[0]!.usage['cpu'], again.metadata.labels], ['200m', { tier: 'front' }])

  await h.report(node, usage(pod, 0))
  assert.equal(h.client.get(podMetrics, 'default/web'), undefined)
})

test('a node says nothing of the use of others, and what it said is gone when it is', async (t) => {
  const h = await harness(t)
  const [mine, other] = [await h.connect('pi-1'), await h.connect('pi-2')]
  const pod = await h.addPod('web', 'pi-1')
  await h.report(other, usage(pod, 5, 'app'))
  assert.equal(h.client.get(podMetrics, 'default/web'), undefined)
  await h.report(mine, nodeStatus(), usage({ metadata: { ...pod.metadata, uid: 'another' } }, 5, 'app'))
  assert.equal(h.client.get(podMetrics, 'default/web'), undefined)
  await h.report(mine, usage(pod, 5, 'app'))
  assert.ok(h.client.get(podMetrics, 'default/web'))
  await mine.session.close()
  await h.pass(20)
  assert.equal(h.client.get(podMetrics, 'default/web'), undefined)
})

const drivers = (...list: Extract<StatusReport, { type: 'csi-drivers' }>['drivers']): StatusReport => ({
  type: 'csi-drivers',
  drivers: list,
})

test('the drivers of a node stand in its CSINode, also when they come back as others', async (t) => {
  const h = await harness(t)
  const node = await h.connect('pi-1')
  await h.report(node, nodeStatus(), drivers({ name: 'disk.example.com', nodeId: 'a', topologyKeys: [], volumesMax: 8 }))
  const first = h.client.get(csiNodes, 'pi-1')!
  assert.deepEqual(first.spec.drivers, [{ name: 'disk.example.com', nodeID: 'a', allocatable: { count: 8 } }])
  assert.equal(first.metadata.ownerReferences?.[0]?.uid, h.client.get(nodes, 'pi-1')!.metadata.uid)

  await h.report(node, drivers({ name: 'disk.example.com', nodeId: 'b', topologyKeys: ['example.com/zone'] }))
  assert.deepEqual(h.client.get(csiNodes, 'pi-1')!.spec.drivers, [
    { name: 'disk.example.com', nodeID: 'b', topologyKeys: ['example.com/zone'] },
  ])
  const { resourceVersion } = h.client.get(csiNodes, 'pi-1')!.metadata
  await h.report(node, drivers({ name: 'disk.example.com', nodeId: 'b', topologyKeys: ['example.com/zone'] }))
  assert.equal(h.client.get(csiNodes, 'pi-1')!.metadata.resourceVersion, resourceVersion)
  await h.report(node, drivers())
  assert.deepEqual(h.client.get(csiNodes, 'pi-1')!.spec.drivers, [])
})

const aVolume = (node = 'pi-1', provisioner = 'bramble.dev/local-path'): NewObject<PersistentVolume> => ({
  metadata: {
    name: 'v',
    annotations: { 'pv.kubernetes.io/provisioned-by': provisioner, 'bramble.dev/node': node },
    finalizers: ['bramble.dev/volume-folder'],
  },
  spec: {
    capacity: { storage: '1Gi' },
    accessModes: ['ReadWriteOnce'],
    persistentVolumeReclaimPolicy: 'Delete',
    local: { path: '/data/v' },
    nodeAffinity: {
      required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] }] },
    },
  },
})
async function withVolume(t: Parameters<typeof harness>[0], phase: string, ...volume: Parameters<typeof aVolume>) {
  const h = await harness(t)
  const node = await h.connect('pi-1')
  const made = await h.client.create(persistentVolumes, aVolume(...volume))
  const { uid } = await h.client.patch(persistentVolumes, 'v', { status: { phase } }, 'status').then(({ metadata }) => metadata)
  await h.pass(20)
  return {
    h,
    node,
    made,
    gone: { type: 'volume-gone', name: 'v', uid } as const,
    failed: { type: 'volume-failed', name: 'v', uid, message: 'busy' } as const,
  }
}

test('a released volume is shown to its node, which removes it', async (t) => {
  const { h, node, gone } = await withVolume(t, 'Released')
  const shown = node.assigned!.objects.get('PersistentVolume v') as PersistentVolume
  assert.deepEqual(
    [shown.status, shown.spec.local, shown.metadata.annotations],
    [{ phase: 'Released' }, { path: '/data/v' }, { 'pv.kubernetes.io/provisioned-by': 'bramble.dev/local-path' }],
  )
  await h.report(node, gone)
  await h.pass(20)
  assert.equal(h.client.get(persistentVolumes, 'v'), undefined)
  assert.equal(node.assigned!.objects.has('PersistentVolume v'), false)
})

const untouchable: readonly [name: string, phase: string, ...volume: Parameters<typeof aVolume>][] = [
  ['that is claimed', 'Bound'],
  ['of another node', 'Released', 'pi-2'],
  ['of another provisioner', 'Released', 'pi-1', 'disk.example.com'],
]
for (const [name, ...volume] of untouchable)
  test(`a volume ${name} is not the node's to remove`, async (t) => {
    const { h, node, gone } = await withVolume(t, ...volume)
    assert.equal(node.assigned!.objects.has('PersistentVolume v'), false)
    await h.report(node, gone)
    assert.ok(h.client.get(persistentVolumes, 'v'))
    assert.equal(h.client.get(persistentVolumes, 'v')!.metadata.deletionTimestamp, undefined)
  })

test('a volume that cannot be removed is Failed, says why, and is still the node’s to remove', async (t) => {
  const { h, node, gone, failed } = await withVolume(t, 'Released')
  await h.report(node, failed)
  const { status } = h.client.get(persistentVolumes, 'v')!
  assert.deepEqual([status?.phase, status?.reason, status?.message], ['Failed', 'VolumeFailedDelete', 'busy'])
  assert.deepEqual(h.told, ['Warning VolumeFailedDelete v: busy'])
  await h.report(node, gone)
  assert.equal(h.client.get(persistentVolumes, 'v'), undefined)
})

test('that a volume cannot be made is told to people', async (t) => {
  const { h, node, failed } = await withVolume(t, 'Bound')
  await h.report(node, failed)
  assert.equal(h.client.get(persistentVolumes, 'v')!.status?.phase, 'Bound')
  assert.deepEqual(h.told, ['Warning ProvisioningFailed v: failed to make volume "v" on node "pi-1": busy'])
})
