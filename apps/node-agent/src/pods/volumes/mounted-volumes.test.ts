import assert from 'node:assert/strict'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { Pod, PodSpec, Volume } from '@bramble/api/types/pod'
import type { SimClock } from '@bramble/reconcile/sim/sim-clock'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import { aContainer, aPod, FakeConfigs } from '../pods-harness.ts'
import { DiskPodFiles } from './disk-pod-files.ts'
import { MemoryMounter } from './mounts/memory-mounter.ts'

const FACTS = { nodeName: 'pi-1', hostIp: '192.0.2.1', podIp: '', allocatable: { cpuMillis: 1000, memoryBytes: 2 ** 30 } }
const NFS: Volume = { name: 'v', nfs: { server: 'nas', path: '/media' } }

async function aNode(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-mounted-'))
  t.after(() => rm(folder, { recursive: true }))
  const mounter = new MemoryMounter()
  const { clock } = simEnv(1)
  const newFiles = () =>
    new DiskPodFiles({
      dataFolder: join(folder, 'data'),
      runFolder: join(folder, 'run'),
      logFolder: join(folder, 'log'),
      dns: { domain: 'cluster.local' },
      clock,
      mounter,
    })
  return { folder, mounter, clock, files: newFiles(), newFiles, configs: new FakeConfigs() }
}

/** Time passes until it is settled. */
async function overTime<T>(clock: SimClock, result: Promise<T>): Promise<T> {
  let isOver = false
  const settled = () => {
    isOver = true
  }
  result.then(settled, settled)
  while (!isOver) await clock.advance(100)
  return result
}

const aUser = (volume: Volume, spec: Partial<PodSpec> = {}, name = 'web', subPath?: string): Pod =>
  aPod(name, {
    volumes: [volume],
    containers: [aContainer('main', { volumeMounts: [{ name: 'v', mountPath: '/v', ...(subPath && { subPath }) }] })],
    ...spec,
  })

const sizes: readonly {
  readonly name: string
  readonly volume: Volume
  readonly spec?: Partial<PodSpec>
  readonly options: readonly string[]
}[] = [
  {
    name: 'is as large as its limit',
    volume: { name: 'v', emptyDir: { medium: 'Memory', sizeLimit: '64Mi' } },
    options: ['size=67108864', 'mode=1777'],
  },
  {
    name: 'without any limit has the default of the kernel',
    volume: { name: 'v', emptyDir: { medium: 'Memory' } },
    options: ['mode=1777'],
  },
  {
    name: 'is no larger than what its pod may use',
    volume: { name: 'v', emptyDir: { medium: 'Memory', sizeLimit: '64Mi' } },
    spec: { containers: [aContainer('main', { resources: { limits: { memory: '32Mi' } } })] },
    options: ['size=33554432', 'mode=1777'],
  },
  {
    name: "belongs to the pod's group",
    volume: { name: 'v', emptyDir: { medium: 'Memory', sizeLimit: '1Ki' } },
    spec: { securityContext: { fsGroup: 2000 } },
    options: ['size=1024', 'mode=3777', 'gid=2000'],
  },
]
for (const { name, volume, spec, options } of sizes)
  test(`a folder in memory ${name}`, async (t) => {
    const { files, configs, mounter } = await aNode(t)
    await files.prepare(aUser(volume, spec), configs, FACTS)
    await files.prepare(aUser(volume, spec), configs, FACTS)
    assert.deepEqual(
      mounter.requests.map((request) => request.options.filter((option) => option !== 'noswap')),
      [options],
      'mounted once',
    )
  })

test('an NFS folder is mounted once, also for an agent that has just started, and unmounted when its pod goes', async (t) => {
  const { files, newFiles, configs, mounter, folder } = await aNode(t)
  const pod = aUser({ name: 'v', nfs: { server: 'fd00::1', path: '/media', readOnly: true } })
  await files.prepare(pod, configs, FACTS)
  await newFiles().prepare(pod, configs, FACTS)
  const target = join(folder, 'run/pods/uid-web/volumes/nfs/v')
  assert.deepEqual(mounter.requests, [{ type: 'nfs', source: '[fd00::1]:/media', target, options: ['ro'], timeoutMs: 130_000 }])
  const [mount] = await files.containerMounts(pod, pod.spec.containers[0]!, 0, [], FACTS)
  assert.deepEqual([mount!.hostPath, mount!.readOnly], [target, true])
  await newFiles().removePod(pod)
  assert.deepEqual(await mounter.list(), [])
  await assert.rejects(stat(join(folder, 'run/pods/uid-web')))
})

test('options of a volume are given to mount, in order', async (t) => {
  const { files, configs, mounter } = await aNode(t)
  configs.claims.set('default/c', {
    metadata: { name: 'c', namespace: 'default', uid: 'c', resourceVersion: '1', creationTimestamp: '' },
    spec: { volumeName: 'pv' },
    status: { phase: 'Bound' },
  })
  configs.volumes.set('pv', {
    metadata: { name: 'pv', uid: 'pv', resourceVersion: '1', creationTimestamp: '' },
    spec: { nfs: { server: 'nas', path: '/x' }, mountOptions: ['nfsvers=4.2', 'hard'], claimRef: { uid: 'c' } },
  })
  await files.prepare(aUser({ name: 'v', persistentVolumeClaim: { claimName: 'c', readOnly: true } }), configs, FACTS)
  assert.deepEqual(mounter.requests[0]?.options, ['hard', 'nfsvers=4.2', 'ro'])
})

test('a server that does not answer keeps nobody waiting for long; its volume is there once it answers', async (t) => {
  const { files, configs, mounter, clock } = await aNode(t)
  mounter.silent.add('nas:/media')
  const hanging = files.prepare(aUser(NFS), configs, FACTS)
  hanging.catch(() => {})
  await files.prepare(aUser({ name: 'v', emptyDir: {} }, {}, 'other'), configs, FACTS)
  await assert.rejects(overTime(clock, hanging), { message: 'nas:/media is still being mounted: does the server answer?' })
  await assert.rejects(overTime(clock, files.prepare(aUser(NFS), configs, FACTS)), /still being mounted/)
  assert.equal(mounter.requests.length, 1, 'asked once')
  await files.removePod(aUser(NFS))
  mounter.silent.clear()
  await files.prepare(aUser(NFS), configs, FACTS)
})

test('what mount says is told', async (t) => {
  const { files, configs, mounter } = await aNode(t)
  mounter.broken.set('nas:/media', 'mount failed: exit status 32')
  await assert.rejects(files.prepare(aUser(NFS), configs, FACTS), { message: 'mount failed: exit status 32' })
})

test('nobody looks for a sub path on a server that is gone', async (t) => {
  const { files, configs, mounter } = await aNode(t)
  const pod = aUser(NFS, {}, 'web', 'films')
  await files.prepare(pod, configs, FACTS)
  mounter.silent.add('nas:/media')
  await assert.rejects(files.containerMounts(pod, pod.spec.containers[0]!, 0, [], FACTS), {
    reason: 'CreateContainerConfigError',
    message: 'failed to reach the server for volumeMount "v" of container "main"',
  })
})

const readOnlyThroughout: readonly { readonly name: string; readonly mount: object; readonly wanted: object | string }[] = [
  {
    name: 'is when it is asked for',
    mount: { readOnly: true, recursiveReadOnly: 'Enabled' },
    wanted: { readOnly: true, recursiveReadOnly: true },
  },
  {
    name: 'is where it can be',
    mount: { readOnly: true, recursiveReadOnly: 'IfPossible' },
    wanted: { readOnly: true, recursiveReadOnly: true },
  },
  { name: 'is not by itself', mount: { readOnly: true }, wanted: { readOnly: true } },
  {
    name: 'must be read-only at all',
    mount: { recursiveReadOnly: 'Enabled' },
    wanted: 'failed to resolve recursive read-only mode: volume "v" requested recursive read-only mode, but it is not read-only',
  },
  {
    name: 'must not take mounts from the node',
    mount: { readOnly: true, recursiveReadOnly: 'Enabled', mountPropagation: 'HostToContainer' },
    wanted:
      'failed to resolve recursive read-only mode: volume "v" requested recursive read-only mode, but it is not compatible with propagation "HostToContainer"',
  },
  {
    name: 'may take mounts from the node',
    mount: { mountPropagation: 'HostToContainer' },
    wanted: { readOnly: false, propagation: 'rslave' },
  },
  {
    name: 'may give mounts to the node',
    mount: { mountPropagation: 'Bidirectional' },
    wanted: { readOnly: false, propagation: 'rshared' },
  },
  { name: 'may keep to itself', mount: { mountPropagation: 'None' }, wanted: { readOnly: false } },
]
for (const { name, mount, wanted } of readOnlyThroughout)
  test(`a mount ${name}: ${JSON.stringify(mount)}`, async (t) => {
    const { files, configs } = await aNode(t)
    const container = aContainer('main', { volumeMounts: [{ name: 'v', mountPath: 'relative', ...mount }] })
    const pod = aUser({ name: 'v', emptyDir: {} }, { containers: [container] })
    await files.prepare(pod, configs, FACTS)
    const made = files.containerMounts(pod, container, 0, [], FACTS)
    if (typeof wanted === 'string') return assert.rejects(made, { reason: 'CreateContainerConfigError', message: wanted })
    const { hostPath: _, ...rest } = (await made)[0]!
    assert.deepEqual(rest, { containerPath: '/relative', ...wanted })
  })
