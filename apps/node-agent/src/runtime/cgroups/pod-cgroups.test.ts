import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { SimClock } from '@bramble/reconcile/sim/sim-clock'
import type { PodResources } from '../runtime.ts'
import { cgroupVersion, PodCgroups } from './pod-cgroups.ts'

const BURSTABLE: PodResources = { qosClass: 'Burstable', cpuRequestMillis: 500, memoryLimitBytes: 1 << 20 }
const GUARANTEED: PodResources = { qosClass: 'Guaranteed', cpuRequestMillis: 1000, cpuLimitMillis: 1000 }

/** Folders that look like those of the kernel, as far as files go. */
async function aRoot(t: TestContext, version: 1 | 2): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'bramble-cgroups-'))
  t.after(() => rm(root, { recursive: true }))
  if (version === 2) await writeFile(join(root, 'cgroup.controllers'), 'cpu memory pids\n')
  else for (const controller of ['cpu', 'memory', 'pids']) await mkdir(join(root, controller))
  return root
}
const groupsIn = (root: string, version: 1 | 2): PodCgroups => new PodCgroups({ manager: 'cgroupfs', version, clock: new SimClock(), root })

/** With whether it is over already. */
function settled<T>(result: Promise<T>): { readonly result: Promise<T>; isOver: boolean } {
  const seen = { result, isOver: false }
  void result.finally(() => {
    seen.isOver = true
  })
  return seen
}

describe('the cgroups of pods, cgroup v1', () => {
  it('a pod gets a group with its limits in the class that it is of, and keeps it when they change', async (t) => {
    const root = await aRoot(t, 1)
    const groups = groupsIn(root, 1)
    await groups.make('u', BURSTABLE)
    assert.equal(await groups.folderOf('u'), '/bramble/burstable/podu')
    assert.equal(await readFile(join(root, 'memory/bramble/burstable/podu/memory.limit_in_bytes'), 'utf8'), '1048576')
    await groups.set('u', { ...BURSTABLE, memoryLimitBytes: 2 << 20 })
    assert.equal(await readFile(join(root, 'memory/bramble/burstable/podu/memory.limit_in_bytes'), 'utf8'), '2097152')
    assert.deepEqual(await readdir(join(root, 'pids')), [], 'runtimes make the rest')
    await groups.make('v', { ...BURSTABLE, pidsLimit: 512 })
    await groups.set('v', BURSTABLE)
    assert.equal(await readFile(join(root, 'pids/bramble/burstable/podv/pids.max'), 'utf8'), '512', 'a resize is not about processes')
  })
  it('a class has the share of all its pods', async (t) => {
    const root = await aRoot(t, 1)
    const groups = groupsIn(root, 1)
    await groups.make('a', BURSTABLE)
    await groups.setClasses([BURSTABLE, BURSTABLE, GUARANTEED])
    assert.equal(await readFile(join(root, 'cpu/bramble/burstable/cpu.shares'), 'utf8'), '1024')
    await assert.rejects(readFile(join(root, 'cpu/bramble/besteffort/cpu.shares')), { code: 'ENOENT' })
  })
  it('a pod from before there were classes is found and removed', async (t) => {
    const root = await aRoot(t, 1)
    const groups = groupsIn(root, 1)
    for (const controller of ['cpu', 'memory', 'pids']) await mkdir(join(root, controller, 'bramble/podold/libpod-c1'), { recursive: true })
    await writeFile(join(root, 'memory/bramble/podold/libpod-c1/memory.oom_control'), 'oom_kill 1\n')
    assert.equal(await groups.folderOf('old'), '/bramble/podold')
    assert.equal(groups.oomKills('old', 'c1'), 1)
    await rm(join(root, 'memory/bramble/podold/libpod-c1/memory.oom_control')) // the kernel's files go with their folder
    await groups.remove('old')
    assert.equal(await groups.folderOf('old'), undefined)
    for (const controller of ['cpu', 'memory', 'pids']) assert.deepEqual(await readdir(join(root, controller)), [])
  })
  it('groups above stay while other pods are in them', async (t) => {
    const root = await aRoot(t, 1)
    const groups = groupsIn(root, 1)
    for (const uid of ['a', 'b']) await mkdir(join(root, `pids/bramble/burstable/pod${uid}`), { recursive: true })
    await groups.remove('a')
    assert.deepEqual(await readdir(join(root, 'pids/bramble/burstable')), ['podb'])
  })
  it('says when somebody is in it still, after a while', async (t) => {
    const root = await aRoot(t, 1)
    const clock = new SimClock()
    const groups = new PodCgroups({ manager: 'cgroupfs', version: 1, clock, root })
    const conmon = join(root, 'pids/bramble/burstable/poda/conmon')
    await mkdir(conmon, { recursive: true })
    await writeFile(join(conmon, 'busy'), '') // the kernel would not let go of it either
    const removing = settled(groups.remove('a'))
    while (!removing.isOver) await clock.advance(100)
    assert.equal(await removing.result, false)
    await rm(join(conmon, 'busy'))
    assert.equal(await groups.remove('a'), true)
    assert.deepEqual(await readdir(join(root, 'pids')), [])
    assert.equal(await groups.remove('a'), true, 'absent')
  })
  it('groups of pods that nobody knows go, in every class; those that are known or in use stay', async (t) => {
    const root = await aRoot(t, 1)
    const groups = groupsIn(root, 1)
    for (const folder of ['podforgotten/conmon', 'burstable/podforgotten', 'besteffort/podforgotten/conmon', 'burstable/podknown/conmon'])
      await mkdir(join(root, 'pids/bramble', folder), { recursive: true })
    await mkdir(join(root, 'memory/bramble/besteffort/podforgotten'), { recursive: true })
    await mkdir(join(root, 'cpu/bramble/podbusy/libpod-c1'), { recursive: true })
    await writeFile(join(root, 'cpu/bramble/podbusy/libpod-c1/cgroup.procs'), '4711\n')
    await mkdir(join(root, 'pids/bramble/libpod-c2'))
    await groups.removeForgotten(async () => ['known'])
    assert.deepEqual((await readdir(join(root, 'pids/bramble'))).sort(), ['burstable', 'libpod-c2'])
    assert.deepEqual(await readdir(join(root, 'pids/bramble/burstable')), ['podknown'])
    assert.deepEqual(await readdir(join(root, 'memory')), [], 'the last one takes those above with it')
    assert.deepEqual(await readdir(join(root, 'cpu/bramble/podbusy')), ['libpod-c1'])
  })
  it('a pod that comes while forgotten groups are looked for keeps its own', async (t) => {
    const root = await aRoot(t, 1)
    const groups = groupsIn(root, 1)
    await mkdir(join(root, 'pids/bramble/podforgotten'), { recursive: true })
    await groups.removeForgotten(async () => {
      await groups.make('new', BURSTABLE)
      return []
    })
    assert.equal(await groups.folderOf('forgotten'), undefined)
    assert.equal(await groups.folderOf('new'), '/bramble/burstable/podnew')
  })
})

describe('the cgroups of pods, cgroup v2', () => {
  it('the version is told by what is mounted', async (t) => {
    assert.equal(await cgroupVersion(await aRoot(t, 1)), 1)
    assert.equal(await cgroupVersion(await aRoot(t, 2)), 2)
  })
  it('controllers are enabled on the way down before anything is set', async (t) => {
    const root = await aRoot(t, 2)
    const groups = groupsIn(root, 2)
    // what the kernel would show in the new groups once the controllers are enabled above
    for (const folder of ['bramble', 'bramble/burstable', 'bramble/burstable/podu']) {
      await mkdir(join(root, folder))
      await writeFile(join(root, folder, 'cgroup.controllers'), 'cpu memory\n')
    }
    await groups.make('u', BURSTABLE)
    assert.equal(await readFile(join(root, 'bramble/cgroup.subtree_control'), 'utf8'), '+memory')
    assert.equal(await readFile(join(root, 'bramble/burstable/podu/memory.max'), 'utf8'), '1048576')
    assert.equal(await readFile(join(root, 'bramble/burstable/podu/cpu.weight'), 'utf8'), '20')
    await groups.setClasses([BURSTABLE])
    assert.equal(await readFile(join(root, 'bramble/burstable/cpu.weight'), 'utf8'), '20')
  })
  it('a limit whose controller the kernel does not have is left out', async (t) => {
    const root = await aRoot(t, 2)
    await mkdir(join(root, 'bramble/podu'), { recursive: true })
    await writeFile(join(root, 'bramble/podu/cgroup.controllers'), 'cpu\n')
    await groupsIn(root, 2).make('u', { ...GUARANTEED, memoryLimitBytes: 1 })
    assert.equal(await readFile(join(root, 'bramble/podu/cpu.max'), 'utf8'), '100000 100000')
    await assert.rejects(readFile(join(root, 'bramble/podu/memory.max')), { code: 'ENOENT' })
  })
  it('out of memory is counted by the container itself, in its scope too', async (t) => {
    const root = await aRoot(t, 2)
    const groups = new PodCgroups({ manager: 'systemd', version: 2, clock: new SimClock(), root })
    const folder = join(root, 'bramble.slice/bramble-besteffort.slice/bramble-besteffort-podu.slice/libpod-c1.scope')
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'memory.events'), 'oom 1\noom_kill 2\n')
    assert.equal(groups.oomKills('u', 'c1'), 2)
    assert.equal(groups.oomKills('u', 'c2'), 0)
  })
})
