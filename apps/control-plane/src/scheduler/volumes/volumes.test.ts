import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { conditionOf } from '@bramble/api/conditions'
import type { Node } from '@bramble/api/types/node'
import type { Pod } from '@bramble/api/types/pod'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import { ephemeralVolumeController } from '../../controllers/ephemeral-volume/controller.ts'
import type { ControllerDefinition } from '../../controllers/controller.ts'
import { localPathProvisioner } from '../../controllers/local-path-provisioner/controller.ts'
import { claimBinder } from '../../controllers/persistent-volume-binder/claims-controller.ts'
import { aClaim, aClass, aVolume } from '../../controllers/persistent-volume-binder/testing.ts'
import { volumeBinder } from '../../controllers/persistent-volume-binder/volumes-controller.ts'
import { testBench } from '../../controllers/test-bench.ts'
import { nodes } from '../../resources/node.ts'
import { persistentVolumeClaims } from '../../resources/persistent-volume-claim.ts'
import { persistentVolumes } from '../../resources/persistent-volume.ts'
import { pods } from '../../resources/pod.ts'
import { csiNodes } from '../../resources/storage/csi-node.ts'
import { storageClasses } from '../../resources/storage/storage-class.ts'
import { runScheduler } from '../scheduler.ts'

const ALL = [claimBinder, volumeBinder, localPathProvisioner, ephemeralVolumeController]
const SELECTED = 'volume.kubernetes.io/selected-node'

async function cluster(t: TestContext, nodeNames: readonly string[] = ['a', 'b'], controllers: readonly ControllerDefinition[] = ALL) {
  const bench = await testBench(t, controllers)
  const { client, pass } = bench
  const told: string[] = []
  const stop = new AbortController()
  const done = runScheduler(
    {
      client,
      env: simEnv(1, bench.clock),
      events: { record: (about, type, reason, message) => void told.push(`${type} ${reason} ${about.metadata.name}: ${message}`) },
    },
    stop.signal,
  )
  t.after(async () => {
    stop.abort()
    await bench.pass(1)
    await done
  })
  for (const name of nodeNames) {
    const annotations = { 'bramble.dev/volume-folder': '/volumes' }
    await client.create<Node>(nodes, {
      metadata: { name, labels: { 'kubernetes.io/hostname': name, zone: `zone-${name}` }, annotations },
      spec: {},
    })
    await client.patch(nodes, name, { status: { allocatable: { cpu: '4', memory: '4Gi', pods: '110' } } }, 'status')
  }
  await client.create(storageClasses, aClass('local-path'))
  const add = async (name: string, claims: readonly string[], spec: Partial<Pod['spec']> = {}): Promise<void> => {
    await client.create<Pod>(pods, {
      metadata: { name, namespace: 'default' },
      spec: {
        containers: [{ name: 'main', image: 'x' }],
        volumes: claims.map((claimName, index) => ({ name: `v${index}`, persistentVolumeClaim: { claimName } })),
        ...spec,
      },
    })
    await pass(100)
  }
  const nodeOf = (name: string): string | undefined => client.get(pods, `default/${name}`)!.spec.nodeName
  const why = (name: string): string | undefined =>
    conditionOf(client.get(pods, `default/${name}`)!.status?.conditions, 'PodScheduled')?.message
  return { ...bench, told, add, nodeOf, why }
}
const local = (name: string, node: string, spec: object = {}) =>
  aVolume(name, {
    nfs: undefined,
    local: { path: '/x' },
    nodeAffinity: {
      required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] }] },
    },
    ...spec,
  })

test('a pod goes where it fits, its volume is made there, and only then is it bound', async (t) => {
  const { client, add, nodeOf, told } = await cluster(t)
  await client.create(persistentVolumeClaims, aClaim('c', { storageClassName: 'local-path' }))
  await add('p', ['c'], { nodeSelector: { 'kubernetes.io/hostname': 'b' } })
  const claim = client.get(persistentVolumeClaims, 'default/c')!
  assert.deepEqual([nodeOf('p'), claim.status?.phase, claim.metadata.annotations?.[SELECTED]], ['b', 'Bound', 'b'])
  assert.equal(client.get(persistentVolumes, claim.spec.volumeName!)!.metadata.annotations?.['bramble.dev/node'], 'b')
  assert.deepEqual(told, ['Normal Scheduled p: Successfully assigned default/p to b'])
})

test('the next pod of a claim goes to its volume, or nowhere', async (t) => {
  const { client, add, nodeOf, why } = await cluster(t)
  await client.create(persistentVolumeClaims, aClaim('c', { storageClassName: 'local-path' }))
  await add('first', ['c'], { nodeSelector: { 'kubernetes.io/hostname': 'b' } })
  await add('second', ['c'])
  await add('third', ['c'], { nodeSelector: { 'kubernetes.io/hostname': 'a' } })
  assert.deepEqual([nodeOf('second'), nodeOf('third')], ['b', undefined])
  assert.equal(
    why('third'),
    "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had volume node affinity conflict.",
  )
})

test('without its volume being made a pod waits, its place kept, and the rest of the queue goes on', async (t) => {
  const { client, add, nodeOf, pass, why } = await cluster(t, ['a'], [])
  await client.create(persistentVolumeClaims, aClaim('c', { storageClassName: 'local-path' }))
  await add('slow', ['c'], { containers: [{ name: 'main', image: 'x', resources: { requests: { cpu: '3' } } }] })
  await add('quick', [])
  await add('large', [], { containers: [{ name: 'main', image: 'x', resources: { requests: { cpu: '2' } } }] })
  assert.deepEqual([nodeOf('slow'), nodeOf('quick'), why('large')], [undefined, 'a', '0/1 nodes are available: 1 Insufficient cpu.'])
  await pass(11 * 60_000)
  assert.equal(why('slow'), 'running PreBind plugin "VolumeBinding": binding volumes: context deadline exceeded')
})

test('a pod that is deleted while it waits gives its place back', async (t) => {
  const { client, add, nodeOf, pass } = await cluster(t, ['a'], [])
  await client.create(persistentVolumeClaims, aClaim('c', { storageClassName: 'local-path' }))
  const hungry = { containers: [{ name: 'main', image: 'x', resources: { requests: { cpu: '3' } } }] }
  await add('slow', ['c'], hungry)
  await client.delete(pods, 'default/slow', { gracePeriodSeconds: 0 })
  await add('next', [], hungry)
  await pass(5_000)
  assert.equal(nodeOf('next'), 'a')
})

test('a pod waits for a node that can have its volume', async (t) => {
  const { client, add, nodeOf, pass, why } = await cluster(t)
  for (const name of ['a', 'b']) await client.patch(nodes, name, { metadata: { annotations: { 'bramble.dev/volume-folder': null } } })
  await client.create(persistentVolumeClaims, aClaim('c', { storageClassName: 'local-path' }))
  await add('p', ['c'])
  assert.equal(why('p'), "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.")
  await client.patch(nodes, 'b', { metadata: { annotations: { 'bramble.dev/volume-folder': '/v' } } })
  await pass(20_000)
  assert.equal(nodeOf('p'), 'b')
})

test('when the chosen node cannot have the volume after all, another is tried', async (t) => {
  const { client, add, nodeOf, pass, why } = await cluster(t, ['a', 'b'], [])
  await client.create(persistentVolumeClaims, aClaim('c', { storageClassName: 'local-path' }))
  await add('p', ['c'])
  assert.equal(client.get(persistentVolumeClaims, 'default/c')!.metadata.annotations?.[SELECTED], 'a')
  await client.patch(nodes, 'a', { spec: { unschedulable: true } })
  await client.patch(persistentVolumeClaims, 'default/c', { metadata: { annotations: { [SELECTED]: null } } })
  await pass(10)
  assert.equal(why('p'), 'running PreBind plugin "VolumeBinding": binding volumes: provisioning failed for PVC "c"')
  await pass(5_000)
  assert.deepEqual([client.get(persistentVolumeClaims, 'default/c')!.metadata.annotations?.[SELECTED], nodeOf('p')], ['b', undefined])
})

test('a class keeps to nodes that have its folder', async (t) => {
  const { client, add, nodeOf } = await cluster(t)
  await client.patch(nodes, 'b', { metadata: { annotations: { 'bramble.dev/volume-folder': '/mnt/ssd' } } })
  await client.create(storageClasses, aClass('ssd', { parameters: { path: '/mnt/ssd' } }))
  await client.create(persistentVolumeClaims, aClaim('c', { storageClassName: 'ssd' }))
  await add('p', ['c'])
  assert.equal(nodeOf('p'), 'b')
})

test('of volumes made by hand a pod takes one of its node; two pods take two', async (t) => {
  const { client, add, nodeOf, why } = await cluster(t)
  await client.create(storageClasses, aClass('disks', { provisioner: 'kubernetes.io/no-provisioner' }))
  for (const name of ['one', 'two', 'three']) await client.create(persistentVolumeClaims, aClaim(name, { storageClassName: 'disks' }))
  for (const name of ['disk-1', 'disk-2']) await client.create(persistentVolumes, local(name, 'b', { storageClassName: 'disks' }))
  await Promise.all([add('p1', ['one']), add('p2', ['two'])])
  await add('p3', ['three'])
  assert.deepEqual([nodeOf('p1'), nodeOf('p2'), nodeOf('p3')], ['b', 'b', undefined])
  assert.equal(why('p3'), "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.")
  const used = ['one', 'two'].map((name) => client.get(persistentVolumeClaims, `default/${name}`)!.spec.volumeName)
  assert.deepEqual([...used].sort(), ['disk-1', 'disk-2'])
})

test('a class may keep its volumes to some nodes', async (t) => {
  const { client, add, nodeOf } = await cluster(t)
  const allowedTopologies = [{ matchLabelExpressions: [{ key: 'zone', values: ['zone-b'] }] }]
  await client.create(storageClasses, aClass('zone-b', { allowedTopologies }))
  await client.create(persistentVolumeClaims, aClaim('c', { storageClassName: 'zone-b' }))
  await add('p', ['c'])
  assert.equal(nodeOf('p'), 'b')
})

test('a pod waits for what does not exist yet, and says for what', async (t) => {
  const { client, add, nodeOf, why, pass } = await cluster(t)
  await add('p', ['c'])
  assert.equal(why('p'), '0/2 nodes are available: persistentvolumeclaim "c" not found.')
  await client.create(persistentVolumeClaims, aClaim('c'))
  await pass(5_000)
  assert.equal(why('p'), '0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims.')
  await client.create(persistentVolumes, aVolume('v'))
  await pass(20_000)
  assert.ok(nodeOf('p'))
})

test('a claim that is leaving takes no new pods', async (t) => {
  const { client, add, why } = await cluster(t)
  await client.create(persistentVolumeClaims, aClaim('c', { storageClassName: 'local-path' }, { finalizers: ['example.com/hold'] }))
  await client.delete(persistentVolumeClaims, 'default/c')
  await add('p', ['c'])
  assert.equal(why('p'), '0/2 nodes are available: persistentvolumeclaim "c" is being deleted.')
})

test('a claim for one pod only is used by one pod only', async (t) => {
  const { client, add, nodeOf, why, pass } = await cluster(t)
  await client.create(persistentVolumeClaims, aClaim('c', { storageClassName: 'local-path', accessModes: ['ReadWriteOncePod'] }))
  await add('first', ['c'])
  await add('second', ['c'])
  assert.deepEqual([Boolean(nodeOf('first')), nodeOf('second')], [true, undefined])
  assert.equal(
    why('second'),
    '0/2 nodes are available: 2 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode.',
  )
  await client.delete(pods, 'default/first', { gracePeriodSeconds: 0 })
  await pass(20_000)
  assert.ok(nodeOf('second'))
})

test('an ephemeral volume is made for its pod', async (t) => {
  const { client, add, nodeOf, pass } = await cluster(t)
  const { spec } = aClaim('x', { storageClassName: 'local-path' })
  await add('p', [], { volumes: [{ name: 'scratch', ephemeral: { volumeClaimTemplate: { spec } } }] })
  await pass(5_000)
  assert.ok(nodeOf('p'))
  assert.equal(client.get(persistentVolumeClaims, 'default/p-scratch')?.status?.phase, 'Bound')
})

test('a driver’s word on how many volumes a node can have is kept', async (t) => {
  const { client, add, nodeOf, why } = await cluster(t, ['a'])
  await client.create(csiNodes, {
    metadata: { name: 'a' },
    spec: { drivers: [{ name: 'disk.example.com', nodeID: 'a', allocatable: { count: 1 } }] },
  })
  for (const name of ['one', 'two']) {
    const csi = { driver: 'disk.example.com', volumeHandle: name }
    await client.create(persistentVolumes, aVolume(`v-${name}`, { nfs: undefined, csi, claimRef: { namespace: 'default', name } }))
    await client.create(persistentVolumeClaims, aClaim(name))
  }
  await add('first', ['one'])
  await add('again', ['one'])
  await add('second', ['two'])
  assert.deepEqual([nodeOf('first'), nodeOf('again'), nodeOf('second')], ['a', 'a', undefined])
  assert.equal(why('second'), '0/1 nodes are available: 1 node(s) exceed max volume count.')
})

test('things that a node has few of are counted like any resource', async (t) => {
  const { client, add, nodeOf, why } = await cluster(t, ['a'])
  await client.patch(nodes, 'a', { status: { allocatable: { 'bramble.dev/camera': '1' } } }, 'status')
  const filming = { containers: [{ name: 'main', image: 'x', resources: { limits: { 'bramble.dev/camera': '1' } } }] }
  await add('one', [], filming)
  await add('two', [], filming)
  assert.deepEqual([nodeOf('one'), why('two')], ['a', '0/1 nodes are available: 1 Insufficient bramble.dev/camera.'])
})
