import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { persistentVolumeClaims } from '../../resources/persistent-volume-claim.ts'
import { persistentVolumes } from '../../resources/persistent-volume.ts'
import { pods } from '../../resources/pod.ts'
import { storageClasses } from '../../resources/storage/storage-class.ts'
import { ephemeralVolumeController } from '../ephemeral-volume/controller.ts'
import { garbageCollector } from '../garbage-collector/controller.ts'
import { Registry } from '../../api/registry.ts'
import { allResources } from '../../resources/all.ts'
import { testBench } from '../test-bench.ts'
import { claimProtection, volumeProtection } from '../volume-protection/controller.ts'
import { claimBinder } from './claims-controller.ts'
import { aClaim, aClass, aVolume } from './testing.ts'
import { volumeBinder } from './volumes-controller.ts'

const CONTROLLERS = [claimBinder, volumeBinder, claimProtection, volumeProtection, ephemeralVolumeController]

async function bench(t: TestContext) {
  const registry = new Registry(allResources)
  const b = await testBench(t, [...CONTROLLERS, garbageCollector(registry)], registry)
  const phases = (): readonly string[] =>
    [...b.client.list(persistentVolumes), ...b.client.list(persistentVolumeClaims)].map(
      ({ metadata, status }) => `${metadata.name} ${status?.phase}`,
    )
  return { ...b, phases }
}

test('a claim and a volume find each other, whoever comes first', async (t) => {
  const { client, pass, phases, told } = await bench(t)
  await client.create(persistentVolumeClaims, aClaim('c'))
  await pass(10)
  assert.deepEqual(phases(), ['c Pending'])
  assert.deepEqual(
    [...new Set(told)],
    ['Normal FailedBinding default/c: no persistent volumes available for this claim and no storage class is set'],
  )
  await client.create(persistentVolumes, aVolume('v'))
  await pass(10)
  assert.deepEqual(phases(), ['v Bound', 'c Bound'])
  const claim = client.get(persistentVolumeClaims, 'default/c')!
  const volume = client.get(persistentVolumes, 'v')!
  assert.deepEqual(
    [claim.spec.volumeName, claim.status?.capacity, claim.status?.accessModes],
    ['v', { storage: '2Gi' }, ['ReadWriteOnce', 'ReadWriteMany']],
  )
  assert.equal(volume.spec.claimRef?.uid, claim.metadata.uid)
  assert.deepEqual(
    [claim.metadata.finalizers, volume.metadata.finalizers],
    [['kubernetes.io/pvc-protection'], ['kubernetes.io/pv-protection']],
  )
})

test('ten claims and ten volumes pair off', async (t) => {
  const { client, pass, phases } = await bench(t)
  const numbers = Array.from({ length: 10 }, (_, index) => index)
  await Promise.all(
    numbers.flatMap((i) => [client.create(persistentVolumes, aVolume(`v${i}`)), client.create(persistentVolumeClaims, aClaim(`c${i}`))]),
  )
  await pass(100)
  assert.equal(phases().filter((text) => text.endsWith('Bound')).length, 20)
  assert.equal(new Set(client.list(persistentVolumeClaims).map(({ spec }) => spec.volumeName)).size, 10)
})

test('a volume is released with its claim, and free again when its claim is taken out of it', async (t) => {
  const { client, pass, phases } = await bench(t)
  await client.create(persistentVolumes, aVolume('v'))
  await client.create(persistentVolumeClaims, aClaim('c'))
  await pass(10)
  await client.delete(persistentVolumeClaims, 'default/c')
  await pass(10)
  assert.deepEqual(phases(), ['v Released'])
  await client.create(persistentVolumeClaims, aClaim('c'))
  await pass(10)
  assert.deepEqual(phases(), ['v Released', 'c Pending'])
  await client.patch(persistentVolumes, 'v', { spec: { claimRef: null } })
  await pass(10)
  assert.deepEqual(phases(), ['v Bound', 'c Bound'])
})

test('a claim that a pod on a node uses goes after the pod; a volume that is bound goes after its claim', async (t) => {
  const { client, pass, phases } = await bench(t)
  await client.create(persistentVolumes, aVolume('v'))
  await client.create(persistentVolumeClaims, aClaim('c'))
  await client.create(pods, {
    metadata: { name: 'p', namespace: 'default' },
    spec: {
      nodeName: 'pi-1',
      containers: [{ name: 'a', image: 'a' }],
      volumes: [{ name: 'd', persistentVolumeClaim: { claimName: 'c' } }],
    },
  })
  await pass(10)
  await client.delete(persistentVolumes, 'v')
  await client.delete(persistentVolumeClaims, 'default/c')
  await pass(10)
  assert.deepEqual(phases(), ['v Bound', 'c Bound'])
  await client.delete(pods, 'default/p', { gracePeriodSeconds: 0 })
  await pass(10)
  assert.deepEqual(phases(), [])
})

test('a claim whose volume is gone is lost', async (t) => {
  const { client, pass, phases, told } = await bench(t)
  await client.create(persistentVolumes, aVolume('v'))
  await client.create(persistentVolumeClaims, aClaim('c'))
  await pass(10)
  await client.delete(persistentVolumes, 'v')
  await client.patch(persistentVolumes, 'v', { metadata: { finalizers: null } }) // an administrator's force
  await pass(10)
  assert.deepEqual(phases(), ['c Lost'])
  assert.ok(told.includes('Warning ClaimLost default/c: Bound claim has lost its PersistentVolume. Data on the volume is lost!'))
})

test('a claim of no class gets the default one as soon as there is one, and has a volume made', async (t) => {
  const { client, pass, told } = await bench(t)
  await client.create(persistentVolumeClaims, aClaim('c', { storageClassName: undefined }))
  await pass(10)
  const metadata = { name: 'disk', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } }
  await client.create(storageClasses, { ...aClass('disk', { provisioner: 'disk.example.com', volumeBindingMode: 'Immediate' }), metadata })
  await pass(10)
  const claim = client.get(persistentVolumeClaims, 'default/c')!
  assert.equal(claim.spec.storageClassName, 'disk')
  assert.equal(claim.metadata.annotations?.['volume.kubernetes.io/storage-provisioner'], 'disk.example.com')
  assert.ok(
    told.some((text) =>
      text.startsWith(
        "Normal ExternalProvisioning default/c: Waiting for a volume to be created either by the external provisioner 'disk.example.com'",
      ),
    ),
  )
})

test('the claim of an ephemeral volume is its pod’s and goes with it; one of another is not touched', async (t) => {
  const { client, pass, told } = await bench(t)
  const { spec } = aClaim('x')
  const pod = (name: string) => ({
    metadata: { name, namespace: 'default' },
    spec: {
      containers: [{ name: 'a', image: 'a' }],
      volumes: [{ name: 'd', ephemeral: { volumeClaimTemplate: { metadata: { labels: { a: 'b' } }, spec } } }],
    },
  })
  await client.create(persistentVolumeClaims, aClaim('two-d'))
  const one = await client.create(pods, pod('one'))
  await client.create(pods, pod('two'))
  await pass(10)
  const claim = client.get(persistentVolumeClaims, 'default/one-d')!
  assert.deepEqual([claim.metadata.labels, claim.metadata.ownerReferences?.[0]?.uid], [{ a: 'b' }, one.metadata.uid])
  assert.ok(
    told.includes(
      'Warning FailedBinding default/two: ephemeral volume d: PVC default/two-d was not created for pod default/two (pod is not owner)',
    ),
  )
  await client.delete(pods, 'default/one', { gracePeriodSeconds: 0 })
  await client.delete(pods, 'default/two', { gracePeriodSeconds: 0 })
  await pass(1_000)
  assert.deepEqual(
    client.list(persistentVolumeClaims).map(({ metadata }) => metadata.name),
    ['two-d'],
  )
})
