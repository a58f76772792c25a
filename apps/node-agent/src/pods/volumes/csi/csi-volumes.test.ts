import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Volume } from '@bramble/api/types/pod'
import { MemoryMounter } from '../mounts/memory-mounter.ts'
import { CAN } from './csi-driver.fixture.ts'
import { CsiTestNode } from './csi-node.fixture.ts'
import { VolumeCapability_AccessMode_Mode as Mode } from './grpc/csi_pb.js'

const NAME = 'test.csi.bramble.dev'
const hash = (text: string): string => createHash('sha256').update(text).digest('hex')
const STAGED = `csi/${NAME}/${hash('vol-1')}/globalmount`
const targetOf = (uid: string): string => `pods/pods/${uid}/volumes/csi/v/mount`

test('a volume is staged once on the node, published to each pod, and all is undone with the last one', async (t) => {
  const node = await CsiTestNode.start(t, new MemoryMounter())
  const driver = await node.driver({ can: [CAN.stage] })
  node.setDriverObject(NAME, {})
  const volume = node.claim('data', { driver: NAME, volumeHandle: 'vol-1' })
  const [one, two] = [node.pod('one', volume), node.pod('two', volume)]
  await node.prepare(one)
  await node.prepare(two)
  await node.prepare(one)
  assert.deepEqual(driver.changes, ['NodeStageVolume', 'NodePublishVolume', 'NodePublishVolume'])
  const [mount] = await node.files.containerMounts(one, one.spec.containers[0]!, 0, [], {} as never)
  assert.equal(mount?.hostPath, join(node.folder, targetOf(one.metadata.uid)))
  await node.files.removePod(one)
  assert.deepEqual(driver.changes.slice(3), ['NodeUnpublishVolume'])
  assert.deepEqual(await node.mounted(), [STAGED, targetOf(two.metadata.uid)])
  await node.files.removePod(two)
  assert.deepEqual(driver.changes.slice(4), ['NodeUnpublishVolume', 'NodeUnstageVolume'])
  assert.deepEqual(await node.mounted(), [])
  assert.deepEqual(await readdir(join(node.folder, 'csi', NAME)), [])
  assert.deepEqual(await readdir(join(node.folder, 'pods/pods')), [])
})

test('a driver hears all that the PersistentVolume, its CSIDriver and the pod say', async (t) => {
  const node = await CsiTestNode.start(t, new MemoryMounter())
  const driver = await node.driver({ can: [CAN.stage, CAN.multiWriter, CAN.mountGroup] })
  node.setDriverObject(NAME, { podInfoOnMount: true })
  node.configs.setSecret('login', { user: 'me' })
  const secret = { namespace: 'default', name: 'login' }
  const csi = { driver: NAME, volumeHandle: 'vol-1', fsType: 'xfs', volumeAttributes: { share: 'x' }, nodeStageSecretRef: secret }
  const volume = node.claim('data', { ...csi, nodePublishSecretRef: secret }, { mountOptions: ['noatime'] })
  const pod = node.pod('one', volume, { securityContext: { fsGroup: 2000 } })
  await node.prepare(pod)
  const volumeCapability = {
    $typeName: 'csi.v1.VolumeCapability',
    accessMode: { $typeName: 'csi.v1.VolumeCapability.AccessMode', mode: Mode.SINGLE_NODE_MULTI_WRITER },
    accessType: {
      case: 'mount',
      value: { $typeName: 'csi.v1.VolumeCapability.MountVolume', fsType: 'xfs', mountFlags: ['noatime'], volumeMountGroup: '2000' },
    },
  }
  assert.deepEqual(driver.last('NodeStageVolume'), {
    $typeName: 'csi.v1.NodeStageVolumeRequest',
    volumeId: 'vol-1',
    publishContext: {},
    stagingTargetPath: join(node.folder, STAGED),
    volumeCapability,
    secrets: { user: 'me' },
    volumeContext: { share: 'x' },
  })
  assert.deepEqual(driver.last('NodePublishVolume'), {
    $typeName: 'csi.v1.NodePublishVolumeRequest',
    volumeId: 'vol-1',
    publishContext: {},
    stagingTargetPath: join(node.folder, STAGED),
    targetPath: join(node.folder, targetOf(pod.metadata.uid)),
    volumeCapability,
    readonly: false,
    secrets: { user: 'me' },
    volumeContext: {
      share: 'x',
      'csi.storage.k8s.io/pod.name': 'one',
      'csi.storage.k8s.io/pod.namespace': 'default',
      'csi.storage.k8s.io/pod.uid': pod.metadata.uid,
      'csi.storage.k8s.io/serviceAccount.name': 'robot',
      'csi.storage.k8s.io/ephemeral': 'false',
    },
  })
})

test('a volume of a pod alone is published and not staged, under a handle of its own', async (t) => {
  const node = await CsiTestNode.start(t, new MemoryMounter())
  const driver = await node.driver({ can: [CAN.stage] })
  node.setDriverObject(NAME, { volumeLifecycleModes: ['Ephemeral'], podInfoOnMount: true })
  const pod = node.pod('one', { name: 'v', csi: { driver: NAME, readOnly: true, volumeAttributes: { size: '1Mi' } } })
  await node.prepare(pod)
  assert.deepEqual(driver.changes, ['NodePublishVolume'])
  const request = driver.last('NodePublishVolume') as { volumeContext: Record<string, string> } & Record<string, unknown>
  assert.equal(request['volumeId'], `csi-${hash(`${pod.metadata.uid}v`)}`)
  assert.equal(request['stagingTargetPath'], '')
  assert.equal(request['readonly'], true)
  assert.equal(request.volumeContext['csi.storage.k8s.io/ephemeral'], 'true')
  await node.files.removePod(pod)
  assert.deepEqual(driver.changes, ['NodePublishVolume', 'NodeUnpublishVolume'])
})

const refusals: readonly {
  readonly name: string
  readonly object?: Parameters<CsiTestNode['setDriverObject']>[1]
  readonly volume?: Volume
  readonly driver?: string
  readonly secret?: string
  readonly failure?: readonly [method: string, code: number, words: string]
  readonly words: string
}[] = [
  {
    name: 'a driver that is not here',
    driver: 'other.csi',
    object: {},
    words:
      'MountVolume.SetUp failed for volume "pv-data" : kubernetes.io/csi: mounter.SetUpAt failed to get CSI client: driver name other.csi not found in the list of registered CSI drivers',
  },
  {
    name: 'a driver without a CSIDriver object',
    words: `MountVolume.SetUp failed for volume "pv-data" : kubernetes.io/csi: attach is not supported in this cluster, and driver ${NAME} needs it unless its CSIDriver object says attachRequired: false (no CSIDriver object)`,
  },
  {
    name: 'a driver that wants volumes attached',
    object: { attachRequired: true },
    words: `MountVolume.SetUp failed for volume "pv-data" : kubernetes.io/csi: attach is not supported in this cluster, and driver ${NAME} needs it unless its CSIDriver object says attachRequired: false`,
  },
  {
    name: 'a volume of the pod alone, of a driver for others',
    object: { volumeLifecycleModes: ['Persistent'] },
    volume: { name: 'v', csi: { driver: NAME } },
    words: `MountVolume.SetUp failed for volume "v" : kubernetes.io/csi: volume mode "Ephemeral" not supported by driver ${NAME} (only supports ["Persistent"])`,
  },
  {
    name: 'a volume of the pod alone, without a CSIDriver object',
    volume: { name: 'v', csi: { driver: NAME } },
    words: `MountVolume.SetUp failed for volume "v" : kubernetes.io/csi: volume mode "Ephemeral" not supported by driver ${NAME} (no CSIDriver object)`,
  },
  {
    name: 'a Secret that is missing',
    object: {},
    secret: 'gone',
    words:
      'MountVolume.SetUp failed for volume "pv-data" : fetching NodeStageSecretRef default/gone failed: kubernetes.io/csi: failed to find the secret gone in the namespace default with error: secrets "gone" not found',
  },
  {
    name: 'staging that fails',
    object: {},
    failure: ['NodeStageVolume', 13, 'no such disk'],
    words: 'MountVolume.MountDevice failed for volume "pv-data" : rpc error: code = Internal desc = no such disk',
  },
  {
    name: 'publishing that fails',
    object: {},
    failure: ['NodePublishVolume', 9, 'not staged'],
    words: 'MountVolume.SetUp failed for volume "pv-data" : rpc error: code = FailedPrecondition desc = not staged',
  },
]
for (const { name, object, volume, driver: other, secret, failure, words } of refusals)
  test(`people are told of ${name}, and the pod leaves nothing`, async (t) => {
    const node = await CsiTestNode.start(t, new MemoryMounter())
    const driver = await node.driver({ can: [CAN.stage] })
    if (object) node.setDriverObject(other ?? NAME, object)
    if (failure) driver.failures.set(failure[0], [failure[1], failure[2]])
    const nodeStageSecretRef = secret ? { namespace: 'default', name: secret } : undefined
    const claimed = node.claim('data', { driver: other ?? NAME, volumeHandle: 'vol-1', ...(nodeStageSecretRef && { nodeStageSecretRef }) })
    const pod = node.pod('one', volume ?? claimed)
    await assert.rejects(node.prepare(pod), (error: { event?: () => unknown }) => {
      assert.deepEqual(error.event?.(), { reason: 'FailedMount', message: words })
      return true
    })
    await node.files.removePod(pod)
    assert.deepEqual(await node.mounted(), [])
  })
