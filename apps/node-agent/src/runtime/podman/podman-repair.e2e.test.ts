import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, beforeEach, describe, it, type TestContext } from 'node:test'
import { systemClock } from '@bramble/reconcile/env'
import { BUSYBOX_IMAGE, buildImages } from '../../../../../tools/images/build.ts'
import { runCommand, startDetached } from '../../host/exec.ts'
import { insidePrivateHost, privateHostTest } from '../../host/private-host.ts'
import type { PodUnderTest } from '../contract/pod-under-test.ts'
import { aRuntime, CGROUP_NAME, endService, killQuietly, nothingIsLeft, PAUSE_MS, podOnPodman, reboot } from './podman-host.fixture.ts'

const GRAPH_ROOT = '/var/lib/containers/storage'

if (insidePrivateHost()) describe('podman, when something is broken', repairTests)
else privateHostTest(import.meta.filename)

function repairTests(): void {
  beforeEach(rebuildImages)
  after(nothingIsLeft)

  it('a power cut that tore layers of containers: they have ended with an unknown code, and can be made anew', async (t) => {
    const pod = await podOnPodman(t)
    const broken = await pod.start({ name: 'broken' })
    const layer = await layerOf(broken)
    await reboot()
    for (const file of ['link', 'lower']) await writeFile(join(layer, file), '')
    await endedAndAnew(t, pod, [broken])
  })

  for (const [what, file] of [
    ['all containers in storage', 'overlay-containers/containers.json'],
    ['all layers in storage', 'overlay-layers/layers.json'],
    ['all images in storage', 'overlay-images/images.json'],
  ] as const)
    for (const [how, content] of [
      ['empty', ''],
      ['cut off', '[{"id":"0123'],
    ] as const)
      it(`a power cut that lost the list of ${what} (${how}): containers have ended or are gone, and can be made anew`, async (t) => {
        const pod = await podOnPodman(t)
        const ids = [await pod.start({ name: 'a' }), await pod.start({ name: 'b' })]
        await reboot()
        await writeFile(join(GRAPH_ROOT, file), content)
        await endedAndAnew(t, pod, ids)
      })

  for (const [how, tear] of [
    ['empty', async (path: string) => writeFile(path, '')],
    ['cut off', async (path: string) => writeFile(path, (await readFile(path)).subarray(0, 20_000))],
    ['not a database', async (path: string) => writeFile(path, Buffer.alloc(40_000, 'x'))],
  ] as const)
    it(`a power cut that broke Podman's database (${how}): containers are gone, and can be made anew under their names`, async (t) => {
      const pod = await podOnPodman(t)
      await pod.start({ name: 'main' })
      await reboot()
      await tear(join(GRAPH_ROOT, 'libpod/bolt_state.db'))
      const later = new Later(pod, await aRuntime(t))
      assert.deepEqual(
        (await later.runtime.observe(pod.uid)).flatMap(({ containers }) => containers),
        [],
      )
      await later.runsAgain('main', 0)
    })

  it('a database that is lost while containers run: they do not run on beside those that take their place', async (t) => {
    const pod = await podOnPodman(t)
    const { pid } = await pod.container(await pod.start({ args: ['sleep 600'] }))
    await endService()
    await writeFile(join(GRAPH_ROOT, 'libpod/bolt_state.db'), '')
    const later = new Later(pod, await aRuntime(t))
    await later.runtime.observe(pod.uid)
    await pod.until(
      async () => isRunning(pid!),
      (runs) => !runs,
      'killed',
    )
    await later.runsAgain('main', 0)
  })

  it('an image that a power cut has torn is removed, so that it is pulled anew', async (t) => {
    const pod = await podOnPodman(t)
    await pod.start({})
    await reboot()
    for (const layer of await layers()) await writeFile(join(GRAPH_ROOT, 'overlay', layer, 'link'), '')
    const later = new Later(pod, await aRuntime(t))
    await later.runtime.observe()
    assert.equal(await later.runtime.imageStatus(BUSYBOX_IMAGE), undefined)
    assert.deepEqual(await later.runtime.listImages(), [])
    await later.runsAgain('main', 1)
  })

  it('an image whose layers are lost while the agent runs is removed, so that it is pulled anew', async (t) => {
    const pod = await podOnPodman(t)
    const { runtime } = pod.harness
    await runtime.observe()
    await endService()
    await writeFile(join(GRAPH_ROOT, 'overlay-layers/layers.json'), '')
    assert.deepEqual(await runtime.listImages(), [])
    assert.equal(await runtime.imageStatus(BUSYBOX_IMAGE), undefined)
    await new Later(pod, runtime).runsAgain('main', 0)
  })

  it('one broken container stops nothing else', async (t) => {
    const pod = await podOnPodman(t)
    const [broken, fine] = [await pod.start({ name: 'broken' }), await pod.start({ name: 'fine' })]
    const layer = await layerOf(broken)
    await endService()
    for (const file of ['link', 'lower']) await writeFile(join(layer, file), '')
    const runtime = await aRuntime(t)
    const [seen] = await runtime.observe(pod.uid)
    assert.deepEqual(
      seen!.containers.map(({ id, state }) => [id, state]).sort(),
      [
        [broken, 'running'],
        [fine, 'running'],
      ].sort(),
    )
    await runtime.stopContainer(broken, 0)
    await pod.until(
      async () => (await runtime.observe(pod.uid))[0]!.containers.find(({ id }) => id === broken)!,
      ({ state, exitCode }) => state === 'exited' && exitCode === undefined,
      'ended with an unknown code',
    )
    await runtime.removeContainer(broken)
    assert.deepEqual(
      (await runtime.observe(pod.uid))[0]!.containers.map(({ id }) => id),
      [fine],
    )
  })

  it('a container that lost its watcher while it was stopping can be removed', async (t) => {
    const pod = await podOnPodman(t)
    const id = await pod.start({ args: ["trap '' TERM; echo up; sleep 600"] })
    await pod.logged(id, /up/)
    const stopping = pod.harness.runtime.stopContainer(id, 20_000).catch(() => {})
    await pod.until(
      async () => (await inspect(id)).State,
      ({ Status }) => Status === 'stopping',
      'stopping',
    )
    const { ConmonPid } = (await inspect(id)).State
    killQuietly(ConmonPid)
    assert.equal((await pod.exited(id)).exitCode, undefined)
    await pod.harness.runtime.removeContainer(id)
    assert.deepEqual((await pod.observe()).containers, [])
    await stopping
  })

  it('a paused container can be removed', async (t) => {
    const pod = await podOnPodman(t)
    const id = await pod.start({})
    await runCommand('podman', ['pause', id])
    assert.equal((await pod.container(id)).state, 'running')
    await pod.harness.runtime.removeContainer(id)
    assert.deepEqual((await pod.observe()).containers, [])
  })

  it('a sandbox whose record is torn is not ready, and is made anew', async (t) => {
    const pod = await podOnPodman(t)
    const id = await pod.start({})
    await writeFile(`/run/bramble/sandboxes/${pod.uid}/sandbox.json`, '{"podUid":')
    const seen = await pod.observe()
    assert.deepEqual([seen.ready, seen.containers.map((container) => container.id)], [false, [id]])
    await pod.harness.runtime.removeSandbox(pod.uid)
    await pod.exited(await pod.start({ args: ['exit 0'] }))
  })

  it('a sandbox in whose cgroup something still runs is there until it is removed again, also by the next agent', async (t) => {
    const pod = await podOnPodman(t)
    await pod.start({})
    const group = `/sys/fs/cgroup/memory${await pod.harness.runtime.cgroupOf(pod.uid)}/conmon`
    const { pid } = startDetached('sleep', ['600'])
    await writeFile(join(group, 'cgroup.procs'), String(pid))
    await assert.rejects(pod.harness.runtime.removeSandbox(pod.uid), /still runs in the cgroup/)
    const seen = await pod.observe()
    assert.deepEqual([seen.ready, seen.containers], [false, []])
    process.kill(pid, 'SIGKILL')
    const runtime = await aRuntime(t)
    assert.deepEqual(
      (await runtime.observe()).map(({ podUid, ready }) => [podUid, ready]),
      [[pod.uid, false]],
    )
    await runtime.removeSandbox(pod.uid)
    assert.deepEqual(await runtime.observe(), [])
    await nothingIsLeft()
  })

  it('cgroups of pods that are not there any more go when an agent starts, and no others', async (t) => {
    const pod = await podOnPodman(t)
    const id = await pod.start({})
    const group = (await pod.harness.runtime.cgroupOf(pod.uid))!
    for (const controller of ['memory', 'cpu'])
      for (const folder of [`${CGROUP_NAME}/besteffort/podgone/conmon`, `${CGROUP_NAME}/podgone`])
        await mkdir(join('/sys/fs/cgroup', controller, folder), { recursive: true })
    const runtime = await aRuntime(t)
    assert.equal((await runtime.observe(pod.uid))[0]?.ready, true)
    assert.equal(await runtime.cgroupOf('gone'), undefined)
    assert.equal(await runtime.cgroupOf(pod.uid), group)
    assert.equal((await pod.container(id)).state, 'running')
  })

  it('a pod whose first process has died is not ready, and is made anew', async (t) => {
    const pod = await podOnPodman(t)
    await pod.sandbox({ sharedProcesses: true })
    await pod.start({})
    const { made } = JSON.parse(await readFile(`/run/bramble/sandboxes/${pod.uid}/sandbox.json`, 'utf8')) as { made: { firstPid: number } }
    process.kill(made.firstPid, 'SIGKILL')
    await pod.until(
      () => pod.observe(),
      ({ ready, containers }) => !ready && containers[0]!.state === 'exited',
      'ended',
    )
    await pod.harness.runtime.removeSandbox(pod.uid)
    await pod.sandbox({ sharedProcesses: true })
    await pod.exited(await pod.start({ args: ['exit 0'] }))
  })

  it('while a lock of the storage is held nothing is lost, and afterwards all is as before', async (t) => {
    const pod = await podOnPodman(t)
    const id = await pod.start({ args: ['exit 3'] })
    await pod.exited(id)
    const lock = join(GRAPH_ROOT, 'overlay-containers/containers.lock')
    const stop = new AbortController()
    const held = runCommand('flock', ['--exclusive', lock, 'sleep', '60'], { signal: stop.signal, timeoutMs: 60_000 }).catch(() => {})
    const runtime = await aRuntime(t)
    const observed = runtime.observe(pod.uid)
    await systemClock.sleep(10 * PAUSE_MS)
    stop.abort()
    await held
    assert.equal((await observed)[0]?.containers[0]?.exitCode, 3)
  })
}

/** What the next agent does with the same pod. */
class Later {
  readonly runtime: Awaited<ReturnType<typeof aRuntime>>
  readonly #pod: PodUnderTest

  constructor(pod: PodUnderTest, runtime: Awaited<ReturnType<typeof aRuntime>>) {
    this.#pod = pod
    this.runtime = runtime
  }

  /** The sandbox, the image if it was lost, and a container. */
  async runsAgain(name: string, attempt: number): Promise<void> {
    if ((await this.runtime.observe(this.#pod.uid)).some(({ ready }) => !ready)) await this.runtime.removeSandbox(this.#pod.uid)
    if ((await this.runtime.imageStatus(BUSYBOX_IMAGE)) === undefined) await rebuildImages()
    const id = await this.#pod.start({ name, attempt, args: ['echo again; sleep 600'] })
    await this.#pod.logged(id, /again/)
    assert.equal((await this.#pod.container(id)).state, 'running')
  }
}

async function endedAndAnew(t: TestContext, pod: PodUnderTest, ids: readonly string[]): Promise<void> {
  const runtime = await aRuntime(t)
  const seen = (await runtime.observe(pod.uid)).flatMap(({ containers }) => containers)
  assert.ok(seen.every(({ id }) => ids.includes(id)))
  assert.ok(
    seen.every(({ state, exitCode }) => state === 'exited' && exitCode === undefined),
    JSON.stringify(seen),
  )
  await new Later(pod, runtime).runsAgain('a', 1)
}

interface Inspected {
  readonly State: { readonly ConmonPid: number; readonly Status: string }
  readonly GraphDriver: { readonly Data: { readonly UpperDir: string } }
}
const inspect = async (id: string): Promise<Inspected> =>
  (JSON.parse((await runCommand('podman', ['inspect', id])).stdout) as Inspected[])[0]!
const layerOf = async (id: string): Promise<string> => join((await inspect(id)).GraphDriver.Data.UpperDir, '..')
const layers = async (): Promise<readonly string[]> =>
  (await readdir(join(GRAPH_ROOT, 'overlay'))).filter((name) => /^[0-9a-f]{64}$/.test(name))

async function rebuildImages(): Promise<void> {
  await buildImages({ names: [BUSYBOX_IMAGE] })
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
