import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { BUSYBOX_IMAGE, buildImages } from '../../../../../tools/images/build.ts'
import { runCommand } from '../../host/exec.ts'
import { insidePrivateHost, privateHostTest } from '../../host/private-host.ts'
import { NEVER, PLAIN_SECURITY } from '../contract/pod-under-test.ts'
import { runtimeContract } from '../runtime.contract.ts'
import { aRuntime, CGROUP_NAME, nothingIsLeft, podmanHarness, podOnPodman, reboot } from './podman-host.fixture.ts'

if (insidePrivateHost()) {
  before(async () => void (await buildImages({ names: [BUSYBOX_IMAGE] })))
  after(nothingIsLeft)
  runtimeContract('podman', podmanHarness)
  describe('podman, beyond the contract', ownTests)
} else privateHostTest(import.meta.filename)

function ownTests(): void {
  it('a container whose memory ran out says so', async (t) => {
    const pod = await podOnPodman(t)
    const hints = pod.harness.runtime.hints(t.signal)[Symbol.asyncIterator]()
    const hinted = hints.next()
    const id = await pod.start({
      args: ['x=$(head -c 60000000 /dev/zero | tr "\\0" a); echo $x | wc'],
      resources: { memoryLimitBytes: 16 << 20 },
    })
    assert.equal((await hinted).value.podUid, pod.uid)
    const seen = await pod.until(
      () => pod.container(id),
      ({ state }) => state === 'exited',
      'ended',
    )
    assert.deepEqual([seen.exitCode, seen.oomKilled], [137, true])
  })

  it('limits, rights, user and the files of the pod reach the process', async (t) => {
    const pod = await podOnPodman(t)
    await pod.sandbox({ hostname: 'pi-pod' })
    const id = await pod.start({
      args: [
        'id -u; id -g; id -G; cat /etc/hosts /etc/hostname; grep CapEff /proc/self/status; touch /x; ulimit -n; grep NoNew /proc/self/status; sleep 600',
      ],
      resources: { cpuRequestMillis: 100, cpuLimitMillis: 250, memoryLimitBytes: 64 << 20 },
      oomScoreAdj: -997,
      security: {
        ...PLAIN_SECURITY,
        user: 1000,
        group: 2000,
        supplementalGroups: [3000],
        readOnlyRoot: true,
        noNewPrivileges: true,
        dropCapabilities: ['ALL'],
      },
    })
    const log = await pod.logged(id, /NoNewPrivs/)
    assert.match(log, /F 1000\n.*F 2000\n.*F 2000 3000\n/)
    assert.match(log, new RegExp(`F ${(await pod.observe()).ip!.replaceAll('.', '\\.')}\\tpi-pod\\n`))
    assert.match(log, /CapEff:\t0{16}\n/)
    assert.match(log, /touch: \/x: Read-only file system/)
    assert.match(log, /NoNewPrivs:\t1/)
    const group = `/sys/fs/cgroup/memory/${CGROUP_NAME}/burstable/pod${pod.uid}/libpod-${id}/memory.limit_in_bytes`
    assert.equal((await readFile(group, 'utf8')).trim(), String(64 << 20))
  })

  it('containers of a pod share /dev/shm and its ipc namespace', async (t) => {
    const pod = await podOnPodman(t)
    const [a, b] = [await pod.start({ name: 'a' }), await pod.start({ name: 'b' })]
    await pod.harness.runtime.exec(a, ['/bin/sh', '-c', 'echo shared > /dev/shm/note'], 10_000)
    assert.equal((await pod.harness.runtime.exec(b, ['cat', '/dev/shm/note'], 10_000)).output, 'shared\n')
    const ipc = async (id: string): Promise<string> => (await pod.harness.runtime.exec(id, ['readlink', '/proc/1/ns/ipc'], 10_000)).output
    assert.equal(await ipc(a), await ipc(b))
  })

  it('exec of what is not there is 127, in a container that does not run an error, and leaves no process', async (t) => {
    const pod = await podOnPodman(t)
    const id = await pod.start({})
    assert.equal((await pod.harness.runtime.exec(id, ['no-such-program'], 10_000)).exitCode, 127)
    await assert.rejects(pod.harness.runtime.exec(id, ['/bin/sh', '-c', 'trap "" TERM; sleep 567; sleep 567'], 200), {
      reason: 'ExecTimeout',
    })
    await pod.until(
      async () => !(await runCommand('ps', ['-e', '-o', 'args'])).stdout.includes('sleep 567'),
      (over) => over,
      'the command is killed, and its child',
    )
    await pod.harness.runtime.stopContainer(id, 0)
    await assert.rejects(pod.harness.runtime.exec(id, ['true'], 10_000), { reason: 'RuntimeUnavailable' })
  })

  it('a later agent finds the same containers, running', async (t) => {
    const pod = await podOnPodman(t)
    const id = await pod.start({ annotations: { restarts: '2' } })
    const before = await pod.observe()
    const [seen] = await (await aRuntime(t)).observe(pod.uid)
    assert.deepEqual(seen, before)
    assert.equal(seen?.containers[0]?.id, id)
  })

  it('a container that ended is not started again by a repeated start', async (t) => {
    const pod = await podOnPodman(t)
    const id = await pod.start({ args: ['exit 4'] })
    const ended = await pod.until(
      () => pod.container(id),
      ({ state }) => state === 'exited',
      'ended',
    )
    await (await aRuntime(t)).startContainer(id)
    assert.deepEqual(await pod.container(id), ended)
  })

  it('a container whose watcher is gone counts as ended, and does not run on', async (t) => {
    const pod = await podOnPodman(t)
    const id = await pod.start({})
    const { State } = JSON.parse((await runCommand('podman', ['inspect', id])).stdout)[0] as { State: { ConmonPid: number; Pid: number } }
    process.kill(State.ConmonPid, 'SIGKILL')
    const seen = await pod.until(
      () => pod.container(id),
      ({ state }) => state === 'exited',
      'ended',
    )
    assert.equal(seen.exitCode, undefined)
    await pod.until(
      async () => isRunning(State.Pid),
      (runs) => !runs,
      'the process is gone',
    )
    await pod.harness.runtime.removeContainer(id)
    assert.deepEqual((await pod.observe()).containers, [])
  })

  it('after a reboot sandboxes are not ready and containers ended with an unknown code; they can be removed and made anew', async (t) => {
    const pod = await podOnPodman(t)
    const id = await pod.start({})
    await reboot()
    const { ready, containers, name } = await pod.observe()
    assert.deepEqual({ ready, name }, { ready: false, name: 'web' })
    assert.deepEqual(
      containers.map((container) => [container.id, container.state, container.exitCode]),
      [[id, 'exited', undefined]],
    )
    await pod.harness.runtime.removeSandbox(pod.uid)
    assert.deepEqual(await pod.harness.runtime.observe(pod.uid), [])
    const next = await pod.start({ attempt: 1 })
    assert.equal((await pod.container(next)).state, 'running')
  })

  it('a pull that fails says why, in the words of the other side', async (t) => {
    const runtime = await aRuntime(t)
    const registry = createServer((_request, response) =>
      response
        .writeHead(404, { 'content-type': 'application/json' })
        .end('{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}'),
    )
    await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve))
    t.after(() => registry.close())
    const at = `127.0.0.1:${(registry.address() as AddressInfo).port}`
    await assert.rejects(
      runtime.pullImage(`${at}/web:1`, [], NEVER),
      (error: Error) => error.message.includes(`pulling ${at}/web:1:`) && /HTTPS|tls/i.test(error.message),
    )
    await assert.rejects(runtime.pullImage('localhost/hello', [], NEVER), /made on the node itself/)
  })

  it('an image can be removed, twice', async (t) => {
    const runtime = await aRuntime(t)
    const { id } = (await buildImages({ names: ['localhost/hello:latest'] }))[0]!
    assert.equal((await runtime.imageStatus('localhost/hello'))?.id, id)
    await runtime.removeImage(id)
    await runtime.removeImage(id)
    assert.equal(await runtime.imageStatus('localhost/hello'), undefined)
  })

  it('without podman it says how to get it', async (t) => {
    const runtime = await aRuntime(t)
    const path = process.env['PATH']
    t.after(() => {
      process.env['PATH'] = path
    })
    process.env['PATH'] = '/nowhere'
    assert.deepEqual(await runtime.status(), { ready: false, reason: 'podman is not installed: apt-get install podman', version: '' })
  })
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
