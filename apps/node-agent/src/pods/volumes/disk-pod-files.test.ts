import assert from 'node:assert/strict'
import { appendFile, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { PodSpec, Volume, VolumeMount } from '@bramble/api/types/pod'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import type { ContainerState } from '../../runtime/runtime.ts'
import { aContainer, aPod, FakeConfigs } from '../pods-harness.ts'
import { DiskPodFiles } from './disk-pod-files.ts'
import { MemoryMounter } from './mounts/memory-mounter.ts'

const FACTS = { nodeName: 'pi-1', hostIp: '192.0.2.1', podIp: '10.42.0.5', allocatable: { cpuMillis: 1000, memoryBytes: 2 ** 30 } }

async function aDisk(t: TestContext, dnsIp?: string) {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-files-'))
  t.after(() => rm(folder, { recursive: true }))
  const mounter = new MemoryMounter()
  const env = simEnv(1)
  const files = new DiskPodFiles({
    dataFolder: join(folder, 'data'),
    runFolder: join(folder, 'run'),
    logFolder: join(folder, 'log'),
    dns: { domain: 'cluster.local', ...(dnsIp && { serverIp: dnsIp }) },
    clock: env.clock,
    mounter,
  })
  return { folder, files, mounter, env, configs: new FakeConfigs() }
}

const podWith = (volume: Volume, mounts: readonly VolumeMount[] = [{ name: 'v', mountPath: '/v' }], spec: Partial<PodSpec> = {}) =>
  aPod('web', { volumes: [volume], containers: [aContainer('main', { volumeMounts: [...mounts] })], ...spec })

test('a ConfigMap volume holds its keys, changes in one instant and is left alone when nothing changed', async (t) => {
  const { files, configs } = await aDisk(t)
  const pod = podWith({
    name: 'v',
    configMap: {
      name: 'cfg',
      items: [
        { key: 'a', path: 'deep/a' },
        { key: 'b', path: 'b', mode: 0o600 },
      ],
    },
  })
  configs.setConfigMap('cfg', { a: '1', b: '2', ignored: '3' })
  await files.prepare(pod, configs, FACTS)
  const [mount] = await files.containerMounts(pod, pod.spec.containers[0]!, 0, [], FACTS)
  const { hostPath, readOnly } = mount!
  assert.equal(readOnly, true)
  assert.equal(await readFile(join(hostPath, 'deep/a'), 'utf8'), '1')
  assert.equal((await stat(join(hostPath, 'b'))).mode & 0o777, 0o600)
  assert.deepEqual((await readdir(hostPath)).filter((name) => !name.startsWith('..')).sort(), ['b', 'deep'])

  const before = await readlink(join(hostPath, '..data'))
  await files.prepare(pod, configs, FACTS)
  assert.equal(await readlink(join(hostPath, '..data')), before)
  configs.setConfigMap('cfg', { a: 'new', b: '2' })
  await files.prepare(pod, configs, FACTS)
  assert.notEqual(await readlink(join(hostPath, '..data')), before)
  assert.equal(await readFile(join(hostPath, 'deep/a'), 'utf8'), 'new')
  assert.equal((await readdir(hostPath)).filter((name) => name.startsWith('..')).length, 2, 'the old version is removed')
})

test('keys that are gone disappear from the volume', async (t) => {
  const { files, configs, folder } = await aDisk(t)
  const pod = podWith({ name: 'v', secret: { secretName: 's', defaultMode: 0o400 } })
  configs.setSecret('s', { a: '1', b: '2' })
  await files.prepare(pod, configs, FACTS)
  configs.setSecret('s', { b: '2' })
  await files.prepare(pod, configs, FACTS)
  const volume = join(folder, 'run/pods/uid-web/volumes/secret/v')
  assert.deepEqual(
    (await readdir(volume)).filter((name) => !name.startsWith('..')),
    ['b'],
  )
  assert.equal((await stat(join(volume, 'b'))).mode & 0o777, 0o400)
})

const refusals: readonly { readonly name: string; readonly volume: Volume; readonly message: RegExp }[] = [
  { name: 'a missing ConfigMap', volume: { name: 'v', configMap: { name: 'no' } }, message: /^configmap "no" not found$/ },
  {
    name: 'a missing key',
    volume: { name: 'v', configMap: { name: 'cfg', items: [{ key: 'no', path: 'x' }] } },
    message: /^configmap references non-existent config key: no$/,
  },
  {
    name: 'a path that leads out',
    volume: { name: 'v', configMap: { name: 'cfg', items: [{ key: 'a', path: '../x' }] } },
    message: /^invalid path: must not contain '..': ..\/x$/,
  },
  {
    name: 'a host folder that is none',
    volume: { name: 'v', hostPath: { path: '/etc/passwd', type: 'Directory' } },
    message: /^hostPath type check failed: \/etc\/passwd is not a directory$/,
  },
  {
    name: 'a claim that is not there',
    volume: { name: 'v', persistentVolumeClaim: { claimName: 'c' } },
    message: /^error processing PVC default\/c: failed to fetch PVC from API server: persistentvolumeclaims "c" not found$/,
  },
  {
    name: 'a volume of a kind that this node has not',
    volume: { name: 'v', image: { reference: 'web:1' } } as Volume,
    message: /^volumes of type "image" are not supported on this node$/,
  },
  {
    name: 'huge pages',
    volume: { name: 'v', emptyDir: { medium: 'HugePages-2Mi' } },
    message: /^storage medium "HugePages-2Mi" is not supported: this node gives no huge pages$/,
  },
  { name: 'a medium that there is not', volume: { name: 'v', emptyDir: { medium: 'Tape' } }, message: /^unknown storage medium "Tape"$/ },
  {
    name: 'a host path that leads upwards',
    volume: { name: 'v', hostPath: { path: '/var/../etc' } },
    message: /^invalid HostPath `\/var\/..\/etc`: must not contain '..'$/,
  },
  {
    name: 'a host path of an unknown type',
    volume: { name: 'v', hostPath: { path: '/etc', type: 'Door' } },
    message: /^Door is an invalid volume type$/,
  },
]
for (const { name, volume, message } of refusals)
  test(`${name} is a VolumeError`, async (t) => {
    const { files, configs } = await aDisk(t)
    configs.setConfigMap('cfg', { a: '1' })
    await assert.rejects(
      files.prepare(podWith(volume), configs, FACTS),
      (error: Error & { volume?: string }) => error.name === 'VolumeError' && error.volume === 'v' && message.test(error.message),
    )
  })

test('optional and missing is an empty folder', async (t) => {
  const { files, configs, folder } = await aDisk(t)
  await files.prepare(podWith({ name: 'v', secret: { secretName: 'no', optional: true } }), configs, FACTS)
  assert.deepEqual(
    (await readdir(join(folder, 'run/pods/uid-web/volumes/secret/v'))).filter((name) => !name.startsWith('..')),
    [],
  )
})

test('an emptyDir keeps what is in it, in memory when asked, and everybody may write', async (t) => {
  const { files, configs, folder } = await aDisk(t)
  const pod = podWith({ name: 'v', emptyDir: {} })
  await files.prepare(pod, configs, FACTS)
  const path = join(folder, 'data/pods/uid-web/volumes/emptyDir/v')
  await writeFile(join(path, 'kept'), '')
  await files.prepare(pod, configs, FACTS)
  assert.deepEqual(await readdir(path), ['kept'])
  assert.equal((await stat(path)).mode & 0o7777, 0o777)
  await files.prepare(podWith({ name: 'm', emptyDir: { medium: 'Memory' } }), configs, FACTS)
  await stat(join(folder, 'run/pods/uid-web/volumes/emptyDir/m'))
})

test('a sub path is made when missing, expanded, bound as what was checked, and may not lead out by a link', async (t) => {
  const { files, configs, folder, mounter } = await aDisk(t)
  const boundTo = async (mount: Partial<VolumeMount>) => {
    const pod = podWith({ name: 'v', emptyDir: {} }, [{ name: 'v', mountPath: '/v', ...mount }])
    await files.prepare(pod, configs, FACTS)
    const [made] = await files.containerMounts(pod, pod.spec.containers[0]!, 0, [{ name: 'WHO', value: 'me' }], FACTS)
    assert.equal(made!.hostPath, join(folder, 'run/pods/uid-web/subpaths/v/main/0'))
    return mounter.sourceAt(made!.hostPath)
  }
  const volume = join(folder, 'data/pods/uid-web/volumes/emptyDir/v')
  assert.equal(await boundTo({ subPath: 'a/b' }), join(volume, 'a/b'))
  assert.equal((await stat(join(volume, 'a/b'))).mode & 0o7777, 0o777, 'open as the volume itself')
  assert.equal(await boundTo({ subPathExpr: 'of-$(WHO)' }), join(volume, 'of-me'))
  await symlink('a', join(volume, 'inside'))
  assert.equal(await boundTo({ subPath: 'inside/b' }), join(volume, 'a/b'), 'links within the volume are followed')
  await symlink('/etc', join(volume, 'out'))
  await symlink('/nowhere', join(volume, 'dangling'))
  const refused = (mount: Partial<VolumeMount>, message: string) =>
    assert.rejects(boundTo(mount), { reason: 'CreateContainerConfigError', message })
  await refused({ subPath: 'out/not-there' }, 'failed to create subPath directory for volumeMount "v" of container "main"')
  await refused({ subPath: 'out' }, 'failed to prepare subPath for volumeMount "v" of container "main"')
  await refused({ subPath: 'dangling/x' }, 'failed to create subPath directory for volumeMount "v" of container "main"')
  await refused({ subPath: 'a/../../x' }, "unable to provision SubPath `a/../../x`: must not contain '..'")
  await refused({ subPath: '/x' }, 'error SubPath `/x` must not be an absolute path')
  await refused({ subPathExpr: '$(NO)/$(NONE)' }, 'missing value for NO, NONE')
})

test('a sub path of a ConfigMap is the file itself', async (t) => {
  const { files, configs, mounter } = await aDisk(t)
  configs.setConfigMap('cfg', { 'a.conf': 'x' })
  const pod = podWith({ name: 'v', configMap: { name: 'cfg' } }, [{ name: 'v', mountPath: '/etc/a.conf', subPath: 'a.conf' }])
  await files.prepare(pod, configs, FACTS)
  const [mount] = await files.containerMounts(pod, pod.spec.containers[0]!, 0, [], FACTS)
  assert.equal(await readFile(mounter.sourceAt(mount!.hostPath)!, 'utf8'), 'x')
})

test('last words come from their file, or from the log where that is wanted', async (t) => {
  const { files, configs, folder } = await aDisk(t)
  const pod = aPod('web', { containers: [aContainer('main', { terminationMessagePolicy: 'FallbackToLogsOnError' })] })
  const container = pod.spec.containers[0]!
  await files.prepare(pod, configs, FACTS)
  const mount = (await files.containerMounts(pod, container, 2, [], FACTS)).find(
    ({ containerPath }) => containerPath === '/dev/termination-log',
  )!
  const logPath = join(folder, 'log/default_web_uid-web/main/2.log')
  const state = { name: 'main', attempt: 2, logPath, exitCode: 1 } as ContainerState
  assert.equal(await files.terminationMessage(pod, container, state), '')
  await writeFile(logPath, '2026-01-01T00:00:00Z stderr F broken\n')
  assert.equal(await files.terminationMessage(pod, container, state), 'broken\n')
  await appendFile(mount.hostPath, 'x'.repeat(10_000))
  assert.equal((await files.terminationMessage(pod, container, state)).length, 4096)
})

test("names: host aliases and the cluster's name server are written where the pod wants them", async (t) => {
  const { files, configs } = await aDisk(t, '10.43.0.10')
  const pod = aPod('web', { hostAliases: [{ ip: '1.2.3.4', hostnames: ['a', 'b'] }] })
  await files.prepare(pod, configs, FACTS)
  const mounts = await files.containerMounts(pod, pod.spec.containers[0]!, 0, [], FACTS)
  const text = (path: string) => readFile(mounts.find(({ containerPath }) => containerPath === path)!.hostPath, 'utf8')
  assert.match(await text('/etc/hosts'), /^10\.42\.0\.5\tweb$[\s\S]*^1\.2\.3\.4\ta\tb$/m)
  assert.match(
    await text('/etc/resolv.conf'),
    /^search default\.svc\.cluster\.local svc\.cluster\.local cluster\.local.*\nnameserver 10\.43\.0\.10\noptions ndots:5\n$/,
  )
})

test('a removed pod leaves nothing, and neither do pods that nobody knows', async (t) => {
  const { files, configs, folder } = await aDisk(t)
  for (const name of ['web', 'old']) {
    const pod = aPod(name, { volumes: [{ name: 'v', emptyDir: {} }] })
    await files.prepare(pod, configs, FACTS)
    await files.containerMounts(pod, pod.spec.containers[0]!, 0, [], FACTS)
  }
  await mkdir(join(folder, 'log/foreign_pod_of-someone-else'))
  await files.removePod(aPod('web'))
  await files.removePod(aPod('web'))
  assert.deepEqual(await readdir(join(folder, 'data/pods')), ['uid-old'])
  await files.removeUnknown(() => false)
  assert.deepEqual(
    [await readdir(join(folder, 'data/pods')), await readdir(join(folder, 'run/pods')), await readdir(join(folder, 'log'))],
    [[], [], ['foreign_pod_of-someone-else']],
  )
})
