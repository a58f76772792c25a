import assert from 'node:assert/strict'
import { appendFile, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { PodSpec, Volume, VolumeMount } from '@bramble/api/types/pod'
import type { ContainerState } from '../../runtime/runtime.ts'
import { aContainer, aPod, FakeConfigs } from '../pods-harness.ts'
import { DiskPodFiles } from './disk-pod-files.ts'

const FACTS = { nodeName: 'pi-1', hostIp: '192.0.2.1', podIp: '10.42.0.5', allocatable: { cpuMillis: 1000, memoryBytes: 2 ** 30 } }

async function aDisk(t: TestContext, dnsIp?: string) {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-files-'))
  t.after(() => rm(folder, { recursive: true }))
  const files = new DiskPodFiles({
    dataFolder: join(folder, 'data'),
    runFolder: join(folder, 'run'),
    logFolder: join(folder, 'log'),
    dns: { domain: 'cluster.local', ...(dnsIp && { serverIp: dnsIp }) },
  })
  return { folder, files, configs: new FakeConfigs() }
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
  await files.prepare(pod, configs)
  const [mount] = await files.containerMounts(pod, pod.spec.containers[0]!, 0, [], FACTS)
  const { hostPath, readOnly } = mount!
  assert.equal(readOnly, true)
  assert.equal(await readFile(join(hostPath, 'deep/a'), 'utf8'), '1')
  assert.equal((await stat(join(hostPath, 'b'))).mode & 0o777, 0o600)
  assert.deepEqual((await readdir(hostPath)).filter((name) => !name.startsWith('..')).sort(), ['b', 'deep'])

  const before = await readlink(join(hostPath, '..data'))
  await files.prepare(pod, configs)
  assert.equal(await readlink(join(hostPath, '..data')), before)
  configs.setConfigMap('cfg', { a: 'new', b: '2' })
  await files.prepare(pod, configs)
  assert.notEqual(await readlink(join(hostPath, '..data')), before)
  assert.equal(await readFile(join(hostPath, 'deep/a'), 'utf8'), 'new')
  assert.equal((await readdir(hostPath)).filter((name) => name.startsWith('..')).length, 2, 'the old version is removed')
})

test('keys that are gone disappear from the volume', async (t) => {
  const { files, configs, folder } = await aDisk(t)
  const pod = podWith({ name: 'v', secret: { secretName: 's', defaultMode: 0o400 } })
  configs.setSecret('s', { a: '1', b: '2' })
  await files.prepare(pod, configs)
  configs.setSecret('s', { b: '2' })
  await files.prepare(pod, configs)
  const volume = join(folder, 'run/pods/uid-web/volumes/v')
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
    message: /^references non-existent config key: no$/,
  },
  {
    name: 'a path that leads out',
    volume: { name: 'v', configMap: { name: 'cfg', items: [{ key: 'a', path: '../x' }] } },
    message: /must be relative/,
  },
  {
    name: 'a host folder that is none',
    volume: { name: 'v', hostPath: { path: '/etc/passwd', type: 'Directory' } },
    message: /^hostPath type check failed: \/etc\/passwd is not a directory$/,
  },
  { name: 'a claim', volume: { name: 'v', persistentVolumeClaim: { claimName: 'c' } }, message: /is not supported/ },
]
for (const { name, volume, message } of refusals)
  test(`${name} is a VolumeError`, async (t) => {
    const { files, configs } = await aDisk(t)
    configs.setConfigMap('cfg', { a: '1' })
    await assert.rejects(
      files.prepare(podWith(volume), configs),
      (error: Error & { volume?: string }) => error.name === 'VolumeError' && error.volume === 'v' && message.test(error.message),
    )
  })

test('optional and missing is an empty folder', async (t) => {
  const { files, configs, folder } = await aDisk(t)
  await files.prepare(podWith({ name: 'v', secret: { secretName: 'no', optional: true } }), configs)
  assert.deepEqual(
    (await readdir(join(folder, 'run/pods/uid-web/volumes/v'))).filter((name) => !name.startsWith('..')),
    [],
  )
})

test('an emptyDir keeps what is in it, in memory when asked, and everybody may write', async (t) => {
  const { files, configs, folder } = await aDisk(t)
  const pod = podWith({ name: 'v', emptyDir: {} })
  await files.prepare(pod, configs)
  const path = join(folder, 'data/pods/uid-web/volumes/v')
  await writeFile(join(path, 'kept'), '')
  await files.prepare(pod, configs)
  assert.deepEqual(await readdir(path), ['kept'])
  assert.equal((await stat(path)).mode & 0o7777, 0o777)
  await files.prepare(podWith({ name: 'm', emptyDir: { medium: 'Memory' } }), configs)
  await stat(join(folder, 'run/pods/uid-web/volumes/m'))
})

test('a sub path is made when missing, expanded, and may not lead out by a link', async (t) => {
  const { files, configs, folder } = await aDisk(t)
  const mountOf = async (mount: Partial<VolumeMount>) => {
    const pod = podWith({ name: 'v', emptyDir: {} }, [{ name: 'v', mountPath: '/v', ...mount }])
    await files.prepare(pod, configs)
    return (await files.containerMounts(pod, pod.spec.containers[0]!, 0, [{ name: 'WHO', value: 'me' }], FACTS))[0]?.hostPath
  }
  const volume = join(folder, 'data/pods/uid-web/volumes/v')
  assert.equal(await mountOf({ subPath: 'a/b' }), join(volume, 'a/b'))
  assert.equal(await mountOf({ subPathExpr: 'of-$(WHO)' }), join(volume, 'of-me'))
  await symlink('/etc', join(volume, 'out'))
  await assert.rejects(mountOf({ subPath: 'out/ssh' }), { reason: 'CreateContainerConfigError', message: /leads out of volume "v"/ })
  await assert.rejects(mountOf({ subPath: '../x' }), { reason: 'CreateContainerConfigError' })
})

test('a sub path of a ConfigMap is the file itself', async (t) => {
  const { files, configs } = await aDisk(t)
  configs.setConfigMap('cfg', { 'a.conf': 'x' })
  const pod = podWith({ name: 'v', configMap: { name: 'cfg' } }, [{ name: 'v', mountPath: '/etc/a.conf', subPath: 'a.conf' }])
  await files.prepare(pod, configs)
  const [mount] = await files.containerMounts(pod, pod.spec.containers[0]!, 0, [], FACTS)
  assert.equal(await readFile(mount!.hostPath, 'utf8'), 'x')
})

test('last words come from their file, or from the log where that is wanted', async (t) => {
  const { files, configs, folder } = await aDisk(t)
  const pod = aPod('web', { containers: [aContainer('main', { terminationMessagePolicy: 'FallbackToLogsOnError' })] })
  const container = pod.spec.containers[0]!
  await files.prepare(pod, configs)
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
  await files.prepare(pod, configs)
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
    await files.prepare(pod, configs)
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
