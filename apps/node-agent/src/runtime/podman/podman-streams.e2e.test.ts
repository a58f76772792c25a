import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { BUSYBOX_IMAGE, buildImages } from '../../../../../tools/images/build.ts'
import { followLines } from '../../host/exec.ts'
import { insidePrivateHost, privateHostTest } from '../../host/private-host.ts'
import { NEVER, type PodUnderTest, Watched } from '../contract/pod-under-test.ts'
import { CGROUP_NAME, endService, killQuietly, nothingIsLeft, podOnPodman, processesLike } from './podman-host.fixture.ts'

const TERMINAL = { stdin: true, stdout: true, stderr: false, tty: true }
const PIPED = { stdin: false, stdout: true, stderr: true, tty: false }
const AGENT = join(import.meta.dirname, 'agent-that-dies.fixture.ts')

if (insidePrivateHost()) describe('streams of containers on podman', streamTests)
else privateHostTest(import.meta.filename)

function streamTests(): void {
  before(async () => void (await buildImages({ names: [BUSYBOX_IMAGE] })))
  after(nothingIsLeft)

  it('a terminal leaves nothing behind when its command ends', async (t) => {
    const [pod, id] = await aContainer(t)
    const before = await watchers()
    const shell = await terminal(pod, id)
    assert.equal((await watchers()).length, before.length + 1)
    shell.process.stdin!.write('exit 3\n')
    assert.equal((await shell.process.ended).exitCode, 3)
    await gone(pod, async () => (await watchers()).length > before.length)
    assert.deepEqual(await marks(), [])
  })

  it('a command that cannot be run says so on a terminal, too', async (t) => {
    const [pod, id] = await aContainer(t)
    for (const [command, code] of [
      ['/no/such/program', 127],
      ['/etc', 126],
    ] as const) {
      const process = await pod.harness.runtime.openExec(id, [command], TERMINAL, NEVER)
      process.stdout!.resume()
      assert.equal((await process.ended).exitCode, code)
    }
  })

  for (const [how, end] of [
    ['is let go of', async (shell: Watched) => void shell.process.stdout!.destroy()],
    ["loses Podman's service", async () => endService()],
  ] as const)
    it(`a terminal that ${how} ends its command and leaves nothing behind`, async (t) => {
      const [pod, id] = await aContainer(t)
      const before = await watchers()
      const shell = await terminal(pod, id)
      shell.process.stdin!.write('sleep 681\n')
      await pod.until(
        () => processesLike('sleep 681'),
        (found) => found.length > 0,
        'running',
      )
      await end(shell)
      await assert.rejects(shell.process.ended)
      await gone(pod, async () => (await processesLike('sleep 681')).length > 0 || (await watchers()).length > before.length)
      assert.deepEqual(await marks(), [])
      assert.equal((await pod.container(id)).state, 'running')
    })

  it('a stream that is destroyed ends its command', async (t) => {
    const [pod, id] = await aContainer(t)
    const process = await pod.harness.runtime.openExec(id, ['/bin/sh', '-c', 'echo up; sleep 682; sleep 682'], PIPED, NEVER)
    await new Watched(process, pod.harness.pause).prints(/up/)
    process.stdout!.destroy()
    await assert.rejects(process.ended)
    await gone(pod, async () => (await processesLike('sleep 682')).length > 0)
    assert.deepEqual(await marks(), [])
  })

  it('what an agent ran is killed by the next one when it dies, and nothing else is', async (t) => {
    const [pod, id] = await aContainer(t)
    const own = await pod.harness.runtime.openExec(id, ['sleep', '674'], PIPED, NEVER)
    const before = await watchers()
    const agent = followLines(process.execPath, [...process.execArgv.filter((flag) => !flag.startsWith('--test')), AGENT, id], t.signal)
    const { value: pid } = await agent[Symbol.asyncIterator]().next()
    for (const command of ['sleep 671', 'sleep 672', 'sleep 673']) assert.equal((await processesLike(command)).length > 0, true, command)
    killQuietly(Number(pid))
    await gone(pod, async () => (await processesLike('agent-that-dies')).length > 0)

    const later = await podOnPodman(t)
    await later.harness.runtime.observe()
    await gone(pod, async () =>
      (await Promise.all([671, 672, 673].map((n) => processesLike(`sleep ${n}`)))).some((found) => found.length > 0),
    )
    await gone(pod, async () => (await watchers()).length > before.length)
    assert.equal((await processesLike('sleep 674')).length > 0, true)
    own.stdout!.destroy()
    await assert.rejects(own.ended)
    assert.equal((await pod.container(id)).state, 'running')
  })

  it("who is attached is told when Podman's service goes away; the container goes on, its input is open", async (t) => {
    const pod = await podOnPodman(t)
    const id = await pod.start({ command: ['cat'], args: [], stdin: true })
    const first = await pod.attach(id)
    first.process.stdin!.write('one\n')
    await first.prints(/^one\n$/)
    await endService()
    await assert.rejects(first.process.ended)
    const second = await pod.attach(id)
    second.process.stdin!.write('two\n')
    await second.prints(/^two\n$/)
    second.process.stdout!.destroy()
    assert.equal((await pod.container(id)).state, 'running')
    await pod.harness.runtime.removeContainer(id)
    await gone(pod, async () => (await processesLike('tail --pid')).length > 0)
  })

  it('a pod from before there were classes keeps its place, and is removed from there', async (t) => {
    const pod = await podOnPodman(t)
    await pod.sandbox()
    const record = `/run/bramble/sandboxes/${pod.uid}/sandbox.json`
    const { resources: _, ...old } = JSON.parse(await readFile(record, 'utf8')) as Record<string, unknown>
    await writeFile(record, JSON.stringify(old))
    await pod.harness.runtime.observe()
    const id = await pod.start({})
    const groups = await readdir(`/sys/fs/cgroup/memory/${CGROUP_NAME}/pod${pod.uid}`)
    assert.ok(groups.includes(`libpod-${id}`))
    assert.equal((await pod.container(id)).state, 'running')
    await pod.remove()
    assert.equal(await pod.harness.runtime.cgroupOf(pod.uid), undefined)
  })
}

async function aContainer(t: TestContext): Promise<readonly [PodUnderTest, string]> {
  const pod = await podOnPodman(t)
  return [pod, await pod.start({})]
}

async function terminal(pod: PodUnderTest, id: string): Promise<Watched> {
  const shell = new Watched(await pod.harness.runtime.openExec(id, ['/bin/sh'], TERMINAL, NEVER), pod.harness.pause)
  await shell.prints(/# /)
  return shell
}

const gone = (pod: PodUnderTest, isThere: () => Promise<boolean>): Promise<boolean> => pod.until(isThere, (there) => !there, 'gone')
const watchers = (): Promise<readonly number[]> => processesLike('conmon ')
const marks = async (): Promise<readonly string[]> => (await readdir('/run/bramble')).filter((name) => name.startsWith('exec-'))
