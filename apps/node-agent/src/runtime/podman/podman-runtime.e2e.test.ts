import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { systemClock } from '@bramble/reconcile/env'
import { BUSYBOX_IMAGE, buildImages } from '../../../../../tools/images/build.ts'
import { runCommand } from '../../host/exec.ts'
import { insidePrivateHost, privateHostTest } from '../../host/private-host.ts'
import type { ContainerConfig, ContainerState, SandboxConfig, SandboxState } from '../runtime.ts'
import { runtimeContract } from '../runtime.contract.ts'
import { aFolder, aRuntime, CGROUP_NAME, nothingIsLeft, PAUSE_MS, podmanHarness, reboot } from './podman-host.fixture.ts'
import type { PodmanRuntime } from './podman-runtime.ts'

const PAUSES_MAX = 500
const NEVER = new AbortController().signal

if (insidePrivateHost()) {
  before(async () => void (await buildImages({ names: [BUSYBOX_IMAGE] })))
  after(nothingIsLeft)
  runtimeContract('podman', podmanHarness)
  describe('podman, beyond the contract', ownTests)
} else privateHostTest(import.meta.filename)

function ownTests(): void {
  it('a container whose memory ran out says so', async (t) => {
    const pod = await aPod(t)
    const hints = pod.runtime.hints(t.signal)[Symbol.asyncIterator]()
    const hinted = hints.next()
    const id = await pod.start({
      args: ['x=$(head -c 60000000 /dev/zero | tr "\\0" a); echo $x | wc'],
      resources: { memoryLimitBytes: 16 << 20 },
    })
    assert.equal((await hinted).value.podUid, pod.uid)
    const seen = await pod.until(id, ({ state }) => state === 'exited')
    assert.deepEqual([seen.exitCode, seen.oomKilled], [137, true])
  })

  it('limits, rights, user and the files of the pod reach the process', async (t) => {
    const pod = await aPod(t, { hostname: 'pi-pod' })
    const id = await pod.start({
      args: [
        'id -u; id -g; id -G; cat /etc/hosts /etc/hostname; grep CapEff /proc/self/status; touch /x; ulimit -n; grep NoNew /proc/self/status; sleep 600',
      ],
      resources: { cpuRequestMillis: 100, cpuLimitMillis: 250, memoryLimitBytes: 64 << 20 },
      security: {
        ...SECURITY,
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
    const pod = await aPod(t)
    const [a, b] = [await pod.start({ name: 'a' }), await pod.start({ name: 'b' })]
    await pod.runtime.exec(a, ['/bin/sh', '-c', 'echo shared > /dev/shm/note'], 10_000)
    assert.equal((await pod.runtime.exec(b, ['cat', '/dev/shm/note'], 10_000)).output, 'shared\n')
    const ipc = async (id: string): Promise<string> => (await pod.runtime.exec(id, ['readlink', '/proc/1/ns/ipc'], 10_000)).output
    assert.equal(await ipc(a), await ipc(b))
  })

  it('exec of what is not there is 127, in a container that does not run an error, and leaves no process', async (t) => {
    const pod = await aPod(t)
    const id = await pod.start({})
    assert.equal((await pod.runtime.exec(id, ['no-such-program'], 10_000)).exitCode, 127)
    await assert.rejects(pod.runtime.exec(id, ['/bin/sh', '-c', 'trap "" TERM; sleep 567; sleep 567'], 200), { reason: 'ExecTimeout' })
    await pod.waitFor(
      async () => !(await runCommand('ps', ['-e', '-o', 'args'])).stdout.includes('sleep 567'),
      'the command is killed, and its child',
    )
    await pod.runtime.stopContainer(id, 0)
    await assert.rejects(pod.runtime.exec(id, ['true'], 10_000), { reason: 'RuntimeUnavailable' })
  })

  it('a later agent finds the same containers, running', async (t) => {
    const pod = await aPod(t)
    const id = await pod.start({ annotations: { restarts: '2' } })
    const before = await pod.observe()
    const [seen] = await (await aRuntime(t)).observe(pod.uid)
    assert.deepEqual(seen, before)
    assert.equal(seen?.containers[0]?.id, id)
  })

  it('a container that ended is not started again by a repeated start', async (t) => {
    const pod = await aPod(t)
    const id = await pod.start({ args: ['exit 4'] })
    const ended = await pod.until(id, ({ state }) => state === 'exited')
    await (await aRuntime(t)).startContainer(id)
    assert.deepEqual(await pod.container(id), ended)
  })

  it('a container whose watcher is gone counts as ended, and does not run on', async (t) => {
    const pod = await aPod(t)
    const id = await pod.start({})
    const { State } = JSON.parse((await runCommand('podman', ['inspect', id])).stdout)[0] as { State: { ConmonPid: number; Pid: number } }
    process.kill(State.ConmonPid, 'SIGKILL')
    const seen = await pod.until(id, ({ state }) => state === 'exited')
    assert.equal(seen.exitCode, undefined)
    await pod.waitFor(() => !isRunning(State.Pid), 'the process is gone')
    await pod.runtime.removeContainer(id)
    assert.deepEqual((await pod.observe()).containers, [])
  })

  it('after a reboot sandboxes are not ready and containers ended with an unknown code; they can be removed and made anew', async (t) => {
    const pod = await aPod(t)
    const id = await pod.start({})
    await reboot()
    const { ready, containers, name } = await pod.observe()
    assert.deepEqual({ ready, name }, { ready: false, name: 'web' })
    assert.deepEqual(
      containers.map((container) => [container.id, container.state, container.exitCode]),
      [[id, 'exited', undefined]],
    )
    await pod.runtime.removeSandbox(pod.uid)
    assert.deepEqual(await pod.runtime.observe(pod.uid), [])
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

const SECURITY = {
  supplementalGroups: [],
  privileged: false,
  readOnlyRoot: false,
  noNewPrivileges: false,
  addCapabilities: [],
  dropCapabilities: [],
  seccomp: { type: 'runtime-default' as const },
  procMount: 'default' as const,
}

async function aPod(t: TestContext, change: Partial<SandboxConfig> = {}): Promise<PodInTest> {
  const pod = new PodInTest(await aRuntime(t), await aFolder(t), change)
  t.after(() => pod.runtime.removeSandbox(pod.uid))
  return pod
}

class PodInTest {
  readonly uid = randomUUID()
  readonly runtime: PodmanRuntime
  readonly #folder: string
  readonly #change: Partial<SandboxConfig>

  constructor(runtime: PodmanRuntime, folder: string, change: Partial<SandboxConfig>) {
    this.runtime = runtime
    this.#folder = folder
    this.#change = change
  }

  async start(change: Partial<ContainerConfig>): Promise<string> {
    const sandboxId = await this.runtime.runSandbox(
      {
        podUid: this.uid,
        namespace: 'default',
        name: 'web',
        hostname: 'web',
        hostNetwork: false,
        hostPid: false,
        hostIpc: false,
        portMappings: [],
        logDirectory: this.#folder,
        sysctls: {},
        sharedProcesses: false,
        resources: { qosClass: 'Burstable', cpuRequestMillis: 0 },
        ...this.#change,
      },
      NEVER,
    )
    const id = await this.runtime.createContainer(
      sandboxId,
      {
        name: 'main',
        attempt: 0,
        image: (await this.runtime.imageStatus(BUSYBOX_IMAGE))!.id,
        imageReference: BUSYBOX_IMAGE,
        command: ['/bin/sh', '-c'],
        args: ['sleep 600'],
        env: [],
        mounts: [],
        logPath: join(this.#folder, `${change.name}-${change.attempt}.log`),
        resources: { cpuRequestMillis: 100 },
        devices: [],
        stdinOnce: false,
        oomScoreAdj: -997,
        security: SECURITY,
        tty: false,
        stdin: false,
        terminationMessagePath: '/dev/termination-log',
        annotations: {},
        ...change,
      },
      NEVER,
    )
    await this.runtime.startContainer(id)
    return id
  }

  async observe(): Promise<SandboxState> {
    return (await this.runtime.observe(this.uid))[0]!
  }

  async container(id: string): Promise<ContainerState> {
    return (await this.observe()).containers.find((container) => container.id === id)!
  }

  async until(id: string, good: (container: ContainerState) => boolean): Promise<ContainerState> {
    let seen = await this.container(id)
    await this.waitFor(async () => {
      seen = await this.container(id)
      return good(seen)
    }, 'the container is as expected')
    return seen
  }

  async logged(id: string, pattern: RegExp): Promise<string> {
    const { logPath } = await this.container(id)
    let text = ''
    await this.waitFor(async () => {
      text = await readFile(logPath, 'utf8').catch(() => '')
      return pattern.test(text)
    }, `log has ${pattern}`)
    return text
  }

  async waitFor(good: () => boolean | Promise<boolean>, what: string): Promise<void> {
    for (let pauses = 0; !(await good()); pauses++) {
      assert.ok(pauses < PAUSES_MAX, `in time: ${what}`)
      await systemClock.sleep(PAUSE_MS)
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
