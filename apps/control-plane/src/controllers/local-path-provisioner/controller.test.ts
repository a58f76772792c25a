import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { nodes } from '../../resources/node.ts'
import { persistentVolumeClaims } from '../../resources/persistent-volume-claim.ts'
import { persistentVolumes } from '../../resources/persistent-volume.ts'
import { storageClasses } from '../../resources/storage/storage-class.ts'
import { claimBinder } from '../persistent-volume-binder/claims-controller.ts'
import { aClaim, aClass } from '../persistent-volume-binder/testing.ts'
import { volumeBinder } from '../persistent-volume-binder/volumes-controller.ts'
import { testBench } from '../test-bench.ts'
import { claimProtection, volumeProtection } from '../volume-protection/controller.ts'
import { localPathProvisioner, localPathRemover } from './controller.ts'

const CONTROLLERS = [claimBinder, volumeBinder, claimProtection, volumeProtection, localPathProvisioner, localPathRemover]
const SELECTED = 'volume.kubernetes.io/selected-node'

async function bench(t: TestContext) {
  const b = await testBench(t, CONTROLLERS)
  await b.addNode('pi-1')
  await b.client.patch(nodes, 'pi-1', { metadata: { annotations: { 'bramble.dev/volume-folder': '/volumes' } } })
  await b.client.create(storageClasses, aClass('local-path', { allowVolumeExpansion: true }))
  await b.client.create(persistentVolumeClaims, aClaim('c', { storageClassName: 'local-path' }))
  await b.pass(10)
  const choose = async (nodeName: string): Promise<void> => {
    await b.client.patch(persistentVolumeClaims, 'default/c', { metadata: { annotations: { [SELECTED]: nodeName } } })
    await b.pass(10)
  }
  return { ...b, choose, claim: () => b.client.get(persistentVolumeClaims, 'default/c'), volume: () => b.client.list(persistentVolumes)[0] }
}

test('a claim waits for a node, then has a volume there', async (t) => {
  const { choose, claim, volume, told } = await bench(t)
  assert.equal(volume(), undefined)
  assert.ok(told.includes('Normal WaitForFirstConsumer default/c: waiting for first consumer to be created before binding'))
  await choose('pi-1')
  assert.deepEqual([claim()!.status?.phase, claim()!.spec.volumeName, volume()!.status?.phase], ['Bound', volume()!.metadata.name, 'Bound'])
  assert.equal(volume()!.spec.local?.path, `/volumes/pvc-${claim()!.metadata.uid}`)
  assert.ok(told.includes(`Normal ProvisioningSucceeded default/c: Successfully provisioned volume ${volume()!.metadata.name}`))
})

test('a node that cannot have it is given back, so that another is chosen', async (t) => {
  const { choose, claim, told } = await bench(t)
  await choose('pi-9')
  assert.equal(claim()!.metadata.annotations?.[SELECTED], undefined)
  assert.ok(
    told.includes('Warning ProvisioningFailed default/c: failed to provision volume with StorageClass "local-path": node "pi-9" not found'),
  )
})

test('a claim may grow: nothing bounds a folder', async (t) => {
  const { choose, claim, volume, client, pass } = await bench(t)
  await choose('pi-1')
  await client.patch(persistentVolumeClaims, 'default/c', { spec: { resources: { requests: { storage: '5Gi' } } } })
  await pass(10)
  assert.deepEqual([claim()!.status?.capacity, volume()!.spec.capacity], [{ storage: '5Gi' }, { storage: '5Gi' }])
})

test('a volume whose node is gone stays Released and says so, until an administrator deletes it', async (t) => {
  const { choose, volume, client, pass, told } = await bench(t)
  await choose('pi-1')
  await client.delete(persistentVolumeClaims, 'default/c')
  await pass(10)
  assert.equal(volume()!.status?.phase, 'Released')
  await client.delete(nodes, 'pi-1')
  await pass(10)
  assert.equal(volume()!.status?.phase, 'Released')
  assert.ok(told.some((text) => /^Warning VolumeFailedDelete pvc-\S+: node "pi-1" is not part of the cluster/.test(text)))
  await client.delete(persistentVolumes, volume()!.metadata.name)
  await pass(10)
  assert.equal(volume(), undefined)
})
