import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { Pod, PodSpec } from '@bramble/api/types/pod'
import { LOCAL_PATH_PROVISIONER, type PersistentVolume, PROVISIONED_BY } from '@bramble/api/types/volume'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import { aContainer, aPod, FakeConfigs } from '../pods-harness.ts'
import { VolumeError } from '../pod-files.ts'
import { DiskPodFiles } from './disk-pod-files.ts'
import { MemoryMounter } from './mounts/memory-mounter.ts'

const FACTS = { nodeName: 'pi-1', hostIp: '192.0.2.1', podIp: '', allocatable: { cpuMillis: 1000, memoryBytes: 2 ** 30 } }
const meta = (name: string, rest: object = {}) => ({ name, uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: '', ...rest })

/** A node with one claim, bound to a volume. */
class Node {
  readonly configs = new FakeConfigs()
  readonly mounter = new MemoryMounter()
  readonly env = simEnv(1)
  readonly files: DiskPodFiles
  readonly folder: string
  readonly volumeFolder: string

  constructor(folder: string) {
    this.folder = folder
    this.volumeFolder = join(folder, 'volumes')
    this.files = this.newFiles()
  }

  newFiles(): DiskPodFiles {
    return new DiskPodFiles({
      dataFolder: join(this.folder, 'data'),
      runFolder: join(this.folder, 'run'),
      logFolder: join(this.folder, 'log'),
      volumeFolder: this.volumeFolder,
      dns: { domain: 'cluster.local' },
      clock: this.env.clock,
      mounter: this.mounter,
    })
  }

  bind(spec: Partial<PersistentVolume['spec']>, name = 'pv-1'): PersistentVolume {
    const volume: PersistentVolume = { metadata: meta(name), spec: { claimRef: { uid: 'uid-c' }, ...spec }, status: { phase: 'Bound' } }
    this.configs.claims.set('default/c', {
      metadata: meta('c', { namespace: 'default' }),
      spec: { volumeName: name },
      status: { phase: 'Bound' },
    })
    this.configs.volumes.set(name, volume)
    return volume
  }

  /** One of the cluster's own provisioner. */
  bindProvisioned(name = 'pv-1', path = join(this.volumeFolder, name)): PersistentVolume {
    const volume = this.bind({ local: { path }, persistentVolumeReclaimPolicy: 'Delete' }, name)
    volume.metadata.annotations = { [PROVISIONED_BY]: LOCAL_PATH_PROVISIONER }
    return volume
  }

  /** Where the container's first mount comes from. */
  async mounted(pod: Pod): Promise<string> {
    await this.files.prepare(pod, this.configs, FACTS)
    return (await this.files.containerMounts(pod, pod.spec.containers[0]!, 0, [], FACTS))[0]!.hostPath
  }
}

async function aNode(t: TestContext): Promise<Node> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-pv-'))
  t.after(() => rm(folder, { recursive: true }))
  return new Node(folder)
}

const aUser = (spec: Partial<PodSpec> = {}, name = 'web'): Pod =>
  aPod(name, {
    volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'c' } }],
    containers: [aContainer('main', { volumeMounts: [{ name: 'data', mountPath: '/d' }] })],
    ...spec,
  })

const eventOf = async (failing: Promise<unknown>): Promise<string> => {
  const error = await failing.then(
    () => assert.fail('it succeeds'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof VolumeError, String(error))
  return `${error.event().reason}: ${error.event().message}`
}

test('the folder of a provisioned volume is made at its first use, open to all, and keeps what is in it', async (t) => {
  const node = await aNode(t)
  node.bindProvisioned()
  const path = await node.mounted(aUser())
  assert.equal(path, join(node.volumeFolder, 'pv-1'))
  assert.equal((await stat(path)).mode & 0o7777, 0o777)
  await writeFile(join(path, 'kept'), '')
  await node.files.removePod(aUser())
  await node.mounted(aUser({}, 'next'))
  await stat(join(path, 'kept'))
})

const elsewhere: readonly (readonly [string, (node: Node) => string])[] = [
  ['above the volume folder', (node) => node.folder],
  ['in the folder of another volume', (node) => join(node.volumeFolder, 'pv-2')],
  ['below a volume', (node) => join(node.volumeFolder, 'pv-1/x')],
  ['anywhere else', () => '/etc'],
]
for (const [where, pathOf] of elsewhere)
  test(`a provisioned volume ${where} is neither made nor removed`, async (t) => {
    const node = await aNode(t)
    const volume = node.bindProvisioned('pv-1', pathOf(node))
    await mkdir(join(node.volumeFolder, 'pv-2'), { recursive: true })
    assert.match(
      await eventOf(node.files.prepare(aUser(), node.configs, FACTS)),
      /^FailedMount: .*"pv-1" : path ".*" is not the volume's place/,
    )
    await node.files.removePod(aUser())
    await assert.rejects(node.files.removeVolume(volume), /is not the volume's place in/)
    await stat(pathOf(node)).catch((error: NodeJS.ErrnoException) => assert.match(pathOf(node), /pv-1\/x$/, error.message))
  })

test('a volume is removed with all that is in it, but not what its links lead to, and not while a pod has it', async (t) => {
  const node = await aNode(t)
  const volume = node.bindProvisioned()
  const path = await node.mounted(aUser())
  await writeFile(join(node.folder, 'precious'), 'x')
  await symlink(join(node.folder, 'precious'), join(path, 'link'))
  await symlink(node.folder, join(path, 'up'))
  await mkdir(join(path, 'a/b'), { recursive: true })
  assert.equal(await node.newFiles().removeVolume(volume), false, 'also for an agent that has just started')
  await stat(join(path, 'a/b'))
  await node.files.removePod(aUser())
  assert.equal(await node.files.removeVolume(volume), true)
  await assert.rejects(stat(path))
  assert.equal(await readFile(join(node.folder, 'precious'), 'utf8'), 'x')
  assert.equal(await node.files.removeVolume(volume), true, 'absent = success')
})

test('a link where a volume should be is not followed', async (t) => {
  const node = await aNode(t)
  const volume = node.bindProvisioned()
  await mkdir(node.volumeFolder)
  await mkdir(join(node.folder, 'precious'))
  await symlink(join(node.folder, 'precious'), join(node.volumeFolder, 'pv-1'))
  assert.match(await eventOf(node.files.prepare(aUser(), node.configs, FACTS)), /"pv-1" : path ".*" is a link$/)
  await node.files.removePod(aUser())
  await assert.rejects(node.files.removeVolume(volume), /is no folder; it is not removed$/)
  await stat(join(node.folder, 'precious'))
})

test('a volume with something mounted in it stays', async (t) => {
  const node = await aNode(t)
  const volume = node.bindProvisioned()
  const path = await node.mounted(aUser())
  await node.files.removePod(aUser())
  await node.mounter.mount({ type: 'ext4', source: '/dev/sda1', target: join(path, 'disk'), options: [] })
  await assert.rejects(node.files.removeVolume(volume), /^Error: something is mounted at ".*\/disk"; the volume is not removed$/)
})

const sources: readonly { name: string; spec: Partial<PersistentVolume['spec']>; event: RegExp }[] = [
  {
    name: 'a local folder that is missing',
    spec: { local: { path: '/no/such' } },
    event: /^FailedMount: MountVolume.SetUp failed for volume "pv-1" : path "\/no\/such" does not exist$/,
  },
  { name: 'a local file', spec: { local: { path: '/etc/passwd' } }, event: /path "\/etc\/passwd" is not a directory$/ },
  { name: 'a local path that leads upwards', spec: { local: { path: '/var/../etc' } }, event: /must not contain '..'$/ },
  {
    name: 'a host path that is missing',
    spec: { hostPath: { path: '/no/such', type: 'Directory' } },
    event: /hostPath type check failed: \/no\/such is not a directory$/,
  },
  { name: 'a volume of another kind', spec: { cephfs: {} } as object, event: /: volumes of type "cephfs" are not supported on this node$/ },
]
for (const { name, spec, event } of sources)
  test(`${name} is told with the volume's own name`, async (t) => {
    const node = await aNode(t)
    node.bind(spec)
    assert.match(await eventOf(node.files.prepare(aUser(), node.configs, FACTS)), event)
  })

test('a block volume that is no device is told as what could not be mapped', async (t) => {
  const node = await aNode(t)
  node.bind({ local: { path: '/etc' }, volumeMode: 'Block' })
  const pod = aUser({ containers: [aContainer('main', { volumeDevices: [{ name: 'data', devicePath: '/dev/x' }] })] })
  assert.equal(
    await eventOf(node.files.prepare(pod, node.configs, FACTS)),
    'FailedMapVolume: MapVolume.SetUpDevice failed for volume "pv-1" : path "/etc" is not a block device',
  )
  await assert.rejects(node.files.containerDevices(pod, pod.spec.containers[0]!), {
    reason: 'CreateContainerConfigError',
    message: 'cannot find volume "data" to pass into container "main"',
  })
})

test('every volume that fails is told, and the others are made', async (t) => {
  const node = await aNode(t)
  node.configs.setConfigMap('cfg', { a: '1' })
  const pod = aPod('web', {
    volumes: [
      { name: 'a', configMap: { name: 'no' } },
      { name: 'b', configMap: { name: 'cfg' } },
      { name: 'c', secret: { secretName: 'no' } },
    ],
  })
  const error = (await node.files.prepare(pod, node.configs, FACTS).catch((reason: unknown) => reason)) as VolumeError
  assert.deepEqual([error, ...error.others].map(({ volume, message }) => `${volume}: ${message}`).sort(), [
    'a: configmap "no" not found',
    'c: secret "no" not found',
  ])
  await stat(join(node.folder, 'run/pods/uid-web/volumes/configMap/b/a'))
})
