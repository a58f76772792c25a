import assert from 'node:assert/strict'
import { lstatSync, readdirSync } from 'node:fs'
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, statfs, symlink, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import type { Pod, Volume, VolumeMount } from '@bramble/api/types/pod'
import { runCommand } from '../../host/exec.ts'
import { insidePrivateHost, privateHostTest } from '../../host/private-host.ts'
import { aContainer, aPod, FakeConfigs } from '../pods-harness.ts'
import { DiskPodFiles } from './disk-pod-files.ts'
import { HostMounter } from './mounts/host-mounter.ts'
import { mountInMemory } from './mounts/memory-folder.ts'
import { mountsWithin } from './mounts/mount-table.ts'
import { unmountWithin } from './mounts/remove-tree.ts'
import { giveToGroup } from './ownership.ts'

const FACTS = { nodeName: 'pi-1', hostIp: '192.0.2.1', podIp: '', allocatable: { cpuMillis: 1000, memoryBytes: 2 ** 30 } }
const TMPFS = 0x01021994
const MIB = 1 << 20
const ROUNDS_MAX = 3_000

if (insidePrivateHost()) tests()
else privateHostTest(import.meta.filename)

async function aNode(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-volumes-'))
  const mounter = new HostMounter()
  t.after(async () => {
    await unmountWithin(folder, mounter)
    await rm(folder, { recursive: true })
  })
  await mountInMemory(join(folder, 'run'), mounter)
  const newFiles = () =>
    new DiskPodFiles({
      dataFolder: join(folder, 'data'),
      runFolder: join(folder, 'run'),
      logFolder: join(folder, 'log'),
      volumeFolder: join(folder, 'volumes'),
      dns: { domain: 'cluster.local' },
    })
  const mounted = async () => mountsWithin(await mounter.list(), folder).map(({ target }) => target.slice(folder.length))
  return { folder, mounter, mounted, files: newFiles(), newFiles, configs: new FakeConfigs() }
}

const aUser = (volumes: readonly Volume[], mounts: readonly VolumeMount[] = [], spec: Partial<Pod['spec']> = {}): Pod =>
  aPod('web', { volumes: [...volumes], containers: [aContainer('main', { volumeMounts: [...mounts] })], ...spec })

function tests(): void {
  it('secrets are in memory only; the file system is mounted once, for root', async (t) => {
    const { folder, mounter, mounted, files, configs } = await aNode(t)
    await mountInMemory(join(folder, 'run'), mounter)
    assert.deepEqual(await mounted(), ['/run'])
    assert.equal((await stat(join(folder, 'run'))).mode & 0o777, 0o750)
    configs.setSecret('s', { word: 'xyzzy' })
    configs.tokens.set('default/web', { 't/token': 'ey.J' })
    const pod = aUser([
      { name: 's', secret: { secretName: 's' } },
      { name: 't', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } },
    ])
    await files.prepare(pod, configs, FACTS)
    for (const path of ['secret/s/word', 'projected/t/token'])
      assert.equal((await statfs(join(folder, 'run/pods/uid-web/volumes', path))).type, TMPFS)
    assert.deepEqual(await readdir(join(folder, 'data')), [])
  })

  it('a folder in memory holds no more than its limit, and what it holds is told', async (t) => {
    const { files, configs, folder } = await aNode(t)
    const pod = aUser([
      { name: 'm', emptyDir: { medium: 'Memory', sizeLimit: '4Mi' } },
      { name: 'd', emptyDir: {} },
    ])
    await files.prepare(pod, configs, FACTS)
    const memory = join(folder, 'run/pods/uid-web/volumes/emptyDir/m')
    await writeFile(join(memory, 'fits'), Buffer.alloc(3 * MIB))
    await assert.rejects(writeFile(join(memory, 'more'), Buffer.alloc(2 * MIB)), { code: 'ENOSPC' })
    await unlink(join(memory, 'more'))
    await writeFile(join(folder, 'data/pods/uid-web/volumes/emptyDir/d/file'), Buffer.alloc(2 * MIB, 1))
    const { volumes } = await files.usageOf(pod)
    const rounded = volumes.map(({ name, usedBytes, inMemory }) => [name, Math.round(usedBytes / MIB), inMemory]).sort()
    assert.deepEqual(rounded, [
      ['d', 2, false],
      ['m', 3, true],
    ])
  })

  it("what is mounted in a pod's folders is unmounted and never deleted, whoever mounted it", async (t) => {
    const { files, newFiles, configs, folder, mounter, mounted } = await aNode(t)
    const precious = join(folder, 'precious')
    await mkdir(join(precious, 'deep'), { recursive: true })
    await writeFile(join(precious, 'deep/file'), 'kept')
    const pod = aUser(
      [
        { name: 'd', emptyDir: {} },
        { name: 'm', emptyDir: { medium: 'Memory' } },
        { name: 'h', hostPath: { path: precious } },
      ],
      [
        { name: 'd', mountPath: '/d', subPath: 'a/b' },
        { name: 'h', mountPath: '/h', subPath: 'deep' },
      ],
    )
    await files.prepare(pod, configs, FACTS)
    await files.containerMounts(pod, pod.spec.containers[0]!, 0, [], FACTS)
    const volume = join(folder, 'data/pods/uid-web/volumes/emptyDir/d')
    await mkdir(join(volume, 'mounted here'), { recursive: true })
    await mounter.bind(precious, join(volume, 'mounted here'))
    await mounter.bind(precious, join(volume, 'mounted here'))
    await mounter.bind(join(precious, 'deep'), join(volume, 'mounted here/deep'))
    assert.equal((await mounted()).length, 7)
    await newFiles().removeUnknown(() => false)
    assert.deepEqual(await mounted(), ['/run'])
    assert.equal(await readFile(join(precious, 'deep/file'), 'utf8'), 'kept')
    assert.deepEqual([await readdir(join(folder, 'data/pods')), await readdir(join(folder, 'run/pods'))], [[], []])
  })

  it('a mount that is in use is detached, and nothing behind it is deleted', async (t) => {
    const { files, configs, folder, mounter, mounted } = await aNode(t)
    const precious = join(folder, 'precious')
    await mkdir(precious)
    await writeFile(join(precious, 'file'), 'kept')
    const pod = aUser([{ name: 'd', emptyDir: {} }])
    await files.prepare(pod, configs, FACTS)
    const target = join(folder, 'data/pods/uid-web/volumes/emptyDir/d/busy')
    await mkdir(target)
    await mounter.bind(precious, target)
    const before = process.cwd()
    process.chdir(target)
    try {
      await files.removePod(pod)
    } finally {
      process.chdir(before)
    }
    assert.deepEqual(await mounted(), ['/run'])
    assert.equal(await readFile(join(precious, 'file'), 'utf8'), 'kept')
  })

  it('a sub path that is made a link while it is bound never leads out of its volume', async (t) => {
    const { files, configs, folder, mounter } = await aNode(t)
    const outside = join(folder, 'outside')
    await mkdir(outside)
    await writeFile(join(outside, 'secret'), '')
    const pod = aUser([{ name: 'd', emptyDir: {} }], [{ name: 'd', mountPath: '/d', subPath: 'a/b' }])
    await files.prepare(pod, configs, FACTS)
    const volume = join(folder, 'data/pods/uid-web/volumes/emptyDir/d')
    await mkdir(join(volume, 'a/b'), { recursive: true })
    await symlink(folder, join(volume, 'evil'))
    await mkdir(join(folder, 'b'))
    await writeFile(join(folder, 'b/secret'), '')
    let swapping = true
    t.after(() => {
      swapping = false
    })
    const swaps = (async () => {
      for (let pause = 0; swapping; pause = (pause + 37) % 2_000) {
        for (let turn = 0; turn < pause && swapping; turn++) await new Promise((resolve) => setImmediate(resolve))
        for (const [from, to] of [
          ['a', 'good'],
          ['evil', 'a'],
          ['a', 'evil'],
          ['good', 'a'],
        ] as const)
          await replace(join(volume, from), join(volume, to))
      }
    })()
    const outcomes = { bound: 0, refused: 0 }
    for (let round = 0; round < ROUNDS_MAX && (outcomes.bound < 20 || outcomes.refused < 20); round++) {
      try {
        const [mount] = await files.containerMounts(pod, pod.spec.containers[0]!, 0, [], FACTS)
        outcomes.bound++
        assert.deepEqual(readdirSync(mount!.hostPath), [], 'what was bound is the folder of the volume')
        await mounter.unmount(mount!.hostPath)
      } catch (error) {
        assert.match((error as Error).message, /^failed to (create|prepare) subPath/)
        outcomes.refused++
      }
    }
    swapping = false
    await swaps
    assert.ok(outcomes.bound >= 20 && outcomes.refused > 0, JSON.stringify(outcomes))
  })

  it('a sub path follows what it shows: the same is left mounted, another is mounted instead', async (t) => {
    const { files, configs, mounter, folder } = await aNode(t)
    const pod = aUser([{ name: 'c', configMap: { name: 'cfg' } }], [{ name: 'c', mountPath: '/x', subPath: 'a' }])
    const shown = async () => {
      await files.prepare(pod, configs, FACTS)
      const [mount] = await files.containerMounts(pod, pod.spec.containers[0]!, 0, [], FACTS)
      const mounts = mountsWithin(await mounter.list(), join(folder, 'run/pods'))
      assert.equal(mounts.length, 1)
      return `${await readFile(mount!.hostPath, 'utf8')} ${mounts[0]!.id}`
    }
    configs.setConfigMap('cfg', { a: '1' })
    const first = await shown()
    assert.equal(await shown(), first)
    configs.setConfigMap('cfg', { a: '2' })
    assert.match(await shown(), /^2 /)
  })

  it('a volume is given to a group with everything in it, but nothing that its links lead to', async (t) => {
    const { folder } = await aNode(t)
    const volume = join(folder, 'volume')
    await mkdir(join(volume, 'deep/er'), { recursive: true })
    await writeFile(join(volume, 'deep/er/file'), '', { mode: 0o600 })
    await writeFile(join(folder, 'outside'), '', { mode: 0o600 })
    await symlink(join(folder, 'outside'), join(volume, 'link'))
    await symlink('/no/where', join(volume, 'dangling'))
    await runCommand('mkfifo', [join(volume, 'pipe')])
    await giveToGroup(volume, 2000)
    const shown = (path: string): string => {
      const { gid, mode } = lstatSync(join(volume, path))
      return `${gid} ${(mode & 0o7777).toString(8)}`
    }
    assert.deepEqual(['', 'deep', 'deep/er', 'deep/er/file'].map(shown), ['2000 2775', '2000 2775', '2000 2775', '2000 660'])
    assert.deepEqual([lstatSync(join(volume, 'link')).gid, lstatSync(join(volume, 'pipe')).gid], [2000, 2000])
    const outside = await lstat(join(folder, 'outside'))
    assert.deepEqual([outside.gid, outside.mode & 0o777], [0, 0o600])

    await chmod(join(volume, 'deep/er/file'), 0o600)
    await giveToGroup(volume, 2000, 'OnRootMismatch')
    assert.equal(shown('deep/er/file'), '2000 600', 'its folder is right already')
    await giveToGroup(volume, 2000, 'Always')
    assert.equal(shown('deep/er/file'), '2000 660')
  })

  it('files that the node writes belong to the group of the pod, tokens to nobody else', async (t) => {
    const { files, configs, folder } = await aNode(t)
    configs.setSecret('s', { word: 'xyzzy' })
    configs.tokens.set('default/web', { 't/token': 'ey.J' })
    const volumes = [
      { name: 's', secret: { secretName: 's', defaultMode: 0o400, items: [{ key: 'word', path: 'deep/word' }] } },
      { name: 't', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } },
      { name: 'd', emptyDir: {} },
    ]
    await files.prepare(aUser(volumes, [], { securityContext: { fsGroup: 2000, runAsUser: 1000 } }), configs, FACTS)
    const shown = async (path: string): Promise<string> => {
      const { uid, gid, mode } = await stat(join(folder, path))
      return `${uid} ${gid} ${(mode & 0o7777).toString(8)}`
    }
    const at = 'run/pods/uid-web/volumes'
    assert.deepEqual(
      [await shown(`${at}/secret/s/deep/word`), await shown(`${at}/secret/s/deep`), await shown(`${at}/projected/t/token`)],
      ['0 2000 440', '0 2000 2755', '1000 2000 640'],
    )
    assert.equal(await shown('data/pods/uid-web/volumes/emptyDir/d'), '0 2000 2777')
  })

  it('a server that there is not is told in the words of mount', async (t) => {
    const { files, configs } = await aNode(t)
    const pod = aUser([{ name: 'n', nfs: { server: '127.0.0.1', path: '/x' } }])
    await assert.rejects(files.prepare(pod, configs, FACTS), (error: Error) => {
      assert.match(
        error.message,
        /^mount failed: exit status \d+\nMounting command: mount\nMounting arguments: -t nfs 127\.0\.0\.1:\/x \/.*\/nfs\/n\nOutput: .+/,
      )
      return true
    })
  })

  it('a block device is given to a container under its name', async (t) => {
    const name = readdirSync('/dev').find((each) => lstatSync(join('/dev', each)).isBlockDevice())
    if (name === undefined) return t.skip('this machine shows no block device')
    const { files, configs } = await aNode(t)
    const metadata = { resourceVersion: '1', creationTimestamp: '' }
    configs.claims.set('default/c', {
      metadata: { ...metadata, name: 'c', namespace: 'default', uid: 'c' },
      spec: { volumeName: 'pv' },
      status: { phase: 'Bound' },
    })
    configs.volumes.set('pv', {
      metadata: { ...metadata, name: 'pv', uid: 'pv' },
      spec: { volumeMode: 'Block', local: { path: join('/dev', name) }, claimRef: { uid: 'c' } },
    })
    const container = aContainer('main', { volumeDevices: [{ name: 'b', devicePath: '/dev/disk' }] })
    const claimed = { name: 'b', persistentVolumeClaim: { claimName: 'c', readOnly: true } }
    const pod = aUser([claimed], [], { containers: [container] })
    await files.prepare(pod, configs, FACTS)
    assert.deepEqual(await files.containerDevices(pod, container), [
      { hostPath: join('/dev', name), containerPath: '/dev/disk', permissions: 'r' },
    ])
  })
}

/** Also where the agent has made a folder meanwhile, because there was none. */
async function replace(from: string, to: string): Promise<void> {
  for (;;)
    try {
      return await rename(from, to)
    } catch {
      await rm(to, { recursive: true, force: true })
    }
}
