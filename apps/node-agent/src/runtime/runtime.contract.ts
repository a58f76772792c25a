import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it, type TestContext } from 'node:test'
import {
  type ContainerConfig,
  type ContainerState,
  type Runtime,
  RuntimeError,
  type RuntimeReason,
  type SandboxConfig,
  type SandboxState,
} from './runtime.ts'

/** A runtime to test and what the suite needs around it. */
export interface RuntimeHarness {
  readonly runtime: Runtime
  /** Lets a moment pass: virtual for the fake, some ten milliseconds where processes really run. */
  readonly pause: () => Promise<void>
  readonly readLog: (path: string) => Promise<string>
  /** An existing folder, for logs and mounts; absolute. */
  readonly folder: string
  /** Reference of an image that is present and has /bin/sh, cat and sleep. */
  readonly image: string
  /** Reference whose pull fails soon. */
  readonly missingImage: string
  /** Processes really run: also check what they see. `writeFile` puts text into `folder`. */
  readonly real?: { readonly writeFile: (path: string, text: string) => Promise<void> }
}

const PAUSES_MAX = 2_000
const NEVER = new AbortController().signal

/**
 * What every runtime promises, run against the fake and the real ones alike. `make` registers its own clean-up with `t.after`.
 *
 * @param skip Title of a test → why this runtime cannot pass it.
 */
export function runtimeContract(
  name: string,
  make: (t: TestContext) => Promise<RuntimeHarness>,
  skip: Readonly<Record<string, string>> = {},
): void {
  const promise = (title: string, body: (pod: PodUnderTest, t: TestContext) => Promise<void>, realOnly = false): void => {
    it(title, async (t) => {
      if (skip[title] !== undefined) return t.skip(skip[title])
      const harness = await make(t)
      if (realOnly && !harness.real) return t.skip('no process runs here')
      const pod = new PodUnderTest(harness)
      t.after(() => pod.remove())
      await body(pod, t)
    })
  }
  describe(`${name} is a runtime`, () => {
    sandboxPromises(promise)
    containerPromises(promise)
    processPromises(promise)
    imagePromises(promise)
  })
}
type PromiseOf = (title: string, body: (pod: PodUnderTest, t: TestContext) => Promise<void>, realOnly?: boolean) => void

function sandboxPromises(promise: PromiseOf): void {
  promise('a runtime that works says so, with a version', async ({ harness: { runtime } }) => {
    const status = await runtime.status()
    assert.equal(status.ready, true, status.reason)
    assert.match(status.version, /^\d+\.\d+/)
  })
  promise('running a sandbox twice for one pod returns the same sandbox', async (pod) => {
    assert.equal(await pod.sandbox(), await pod.sandbox())
    assert.equal((await pod.harness.runtime.observe(pod.uid)).length, 1)
  })
  promise('a sandbox is found again by its labels, with its address', async (pod) => {
    const id = await pod.sandbox()
    const seen = await pod.observe()
    assert.deepEqual(
      { id: seen.id, podUid: seen.podUid, namespace: seen.namespace, name: seen.name, ready: seen.ready, containers: seen.containers },
      { id, podUid: pod.uid, namespace: 'default', name: 'web', ready: true, containers: [] },
    )
    assert.match(seen.ip ?? '', /^\d+\.\d+\.\d+\.\d+$/)
    assert.ok(
      (await pod.harness.runtime.observe()).some((sandbox) => sandbox.podUid === pod.uid),
      'observe() without a uid finds it too',
    )
  })
  promise('a pod on the host network has no address of its own', async (pod) => {
    await pod.sandbox({ hostNetwork: true })
    assert.equal((await pod.observe()).ip, undefined)
  })
  promise('removing a sandbox removes its containers, running or not; removing it again succeeds', async (pod) => {
    const sandboxId = await pod.sandbox()
    await pod.start({ name: 'a', args: ['sleep 600'] })
    await pod.start({ name: 'b', args: ['exit 0'] })
    await pod.harness.runtime.removeSandbox(sandboxId)
    assert.deepEqual(await pod.harness.runtime.observe(pod.uid), [])
    await pod.harness.runtime.removeSandbox(sandboxId)
  })
  promise('an unknown pod is not observed', async ({ harness: { runtime } }) => {
    assert.deepEqual(await runtime.observe(randomUUID()), [])
  })
}

function containerPromises(promise: PromiseOf): void {
  promise('a created container has not started', async (pod) => {
    const id = await pod.create({ annotations: { 'bramble.test/note': 'kept = as it is' } })
    const seen = await pod.container(id)
    assert.equal(seen.state, 'created')
    assert.equal(seen.startedAtMs, undefined)
    assert.equal(seen.exitCode, undefined)
    assert.deepEqual(
      { name: seen.name, attempt: seen.attempt, reference: seen.imageReference, note: seen.annotations['bramble.test/note'] },
      { name: 'main', attempt: 0, reference: pod.harness.image, note: 'kept = as it is' },
    )
  })
  promise('creating the same name and attempt twice returns the same container', async (pod) => {
    assert.equal(await pod.create({}), await pod.create({}))
    assert.equal((await pod.observe()).containers.length, 1)
  })
  promise('a started container is observed running; starting it again succeeds', async (pod) => {
    const id = await pod.start({ args: ['sleep 600'] })
    await pod.harness.runtime.startContainer(id)
    const seen = await pod.container(id)
    assert.equal(seen.state, 'running')
    assert.ok(seen.startedAtMs! >= seen.createdAtMs - 1000)
  })
  for (const exitCode of [0, 3])
    promise(`a container that ends with ${exitCode} is observed exited with ${exitCode}`, async (pod) => {
      const seen = await pod.exited(await pod.start({ args: [`exit ${exitCode}`] }))
      assert.equal(seen.exitCode, exitCode)
      assert.ok(seen.finishedAtMs! >= seen.startedAtMs! - 1000)
      assert.notEqual(seen.oomKilled, true)
    })
  promise('stopping sends SIGKILL after the grace period', async (pod) => {
    const id = await pod.start({ args: ["trap '' TERM; echo up; sleep 600"] })
    await pod.logged(id, /up/)
    await pod.passing(pod.harness.runtime.stopContainer(id, 300))
    assert.equal((await pod.exited(id)).exitCode, 137)
  })
  promise('stopping twice, or something absent, succeeds', async (pod) => {
    const id = await pod.start({ args: ['sleep 600'] })
    await pod.passing(pod.harness.runtime.stopContainer(id, 0))
    assert.equal((await pod.exited(id)).state, 'exited')
    await pod.harness.runtime.stopContainer(id, 0)
    await pod.harness.runtime.stopContainer('0123456789abcdef', 0)
  })
  promise('removing a running container kills it; removing it again, or something absent, succeeds', async (pod) => {
    const id = await pod.start({ args: ['sleep 600'] })
    await pod.harness.runtime.removeContainer(id)
    assert.deepEqual((await pod.observe()).containers, [])
    await pod.harness.runtime.removeContainer(id)
    await pod.harness.runtime.removeContainer('0123456789abcdef')
  })
  promise('attempts of one container live beside each other, each with its own log', async (pod) => {
    await pod.exited(await pod.start({ attempt: 0, args: ['echo first; exit 1'] }))
    const second = await pod.start({ attempt: 1, args: ['echo second; sleep 600'] })
    await pod.logged(second, /second/)
    const { containers } = await pod.observe()
    assert.deepEqual(containers.map(({ attempt, state }) => [attempt, state]).sort(), [
      [0, 'exited'],
      [1, 'running'],
    ])
    assert.doesNotMatch(await pod.log(second), /first/)
  })
  promise('a command that cannot be run is a RunContainerError', async (pod) => {
    const id = await pod.create({ command: ['/no/such/program'], args: [] })
    await assert.rejects(pod.harness.runtime.startContainer(id), isRuntimeError('RunContainerError'))
  })
  promise('the end of a container is hinted', async (pod) => {
    const stop = new AbortController()
    const hints = pod.harness.runtime.hints(stop.signal)[Symbol.asyncIterator]()
    const first = hints.next()
    await pod.harness.pause()
    await pod.exited(await pod.start({ args: ['exit 0'] }))
    const seen = await pod.passing(first)
    assert.equal(seen.done ? undefined : seen.value.podUid, pod.uid)
    stop.abort()
    await hints.return?.()
  })
}

function processPromises(promise: PromiseOf): void {
  promise('output is written to the log path in CRI format, by stream', async (pod) => {
    const id = await pod.start({ args: ['echo one; echo two >&2; exit 0'] })
    await pod.exited(id)
    await pod.logged(id, /two/)
    const lines = (await pod.log(id))
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' '))
    for (const [time] of lines) assert.match(time!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}(Z|[+-]\d\d:\d\d)$/)
    assert.deepEqual(lines.map((line) => line.slice(1).join(' ')).sort(), ['stderr F two', 'stdout F one'])
  })
  promise('exec returns the exit code and what was printed', async (pod) => {
    const id = await pod.start({ args: ['sleep 600'] })
    assert.deepEqual(await pod.harness.runtime.exec(id, ['/bin/sh', '-c', 'echo fine; exit 7'], 10_000), { exitCode: 7, output: 'fine\n' })
  })
  promise('exec that takes too long is an ExecTimeout', async (pod) => {
    const id = await pod.start({ args: ['sleep 600'] })
    await assert.rejects(pod.passing(pod.harness.runtime.exec(id, ['/bin/sh', '-c', 'sleep 60'], 300)), isRuntimeError('ExecTimeout'))
  })
  promise(
    'environment, arguments, working directory and mounts reach the process',
    async (pod) => {
      const { folder, real } = pod.harness
      await real!.writeFile(`${folder}/greeting`, 'good morning')
      const id = await pod.start({
        args: ['echo "$WHO|$1|$(pwd)|$(cat /data/greeting)"; echo x > /data/greeting; exit $?', 'name', 'a b$c'],
        env: [{ name: 'WHO', value: 'a "pod" = $HOME' }],
        workingDirectory: '/tmp',
        mounts: [{ hostPath: folder, containerPath: '/data', readOnly: true }],
      })
      assert.notEqual((await pod.exited(id)).exitCode, 0, 'a read-only mount cannot be written')
      await pod.logged(id, /stdout F a "pod" = \$HOME\|a b\$c\|\/tmp\|good morning\n/)
    },
    true,
  )
  promise(
    'containers of one pod share its network and its host name',
    async (pod) => {
      const server = await pod.start({ name: 'server', args: ['echo up; sleep 600'] })
      const client = await pod.start({ name: 'client', args: ['hostname; cat /proc/net/route; sleep 600'] })
      const name = async (id: string): Promise<string> =>
        (await pod.harness.runtime.exec(id, ['/bin/sh', '-c', 'hostname; readlink /proc/self/ns/net'], 10_000)).output
      assert.equal(await name(server), await name(client))
      assert.match(await name(server), /^web\n/)
    },
    true,
  )
}

function imagePromises(promise: PromiseOf): void {
  promise('a present image has an id and is listed', async ({ harness: { runtime, image } }) => {
    const status = await runtime.imageStatus(image)
    assert.match(status?.id ?? '', /^sha256:[0-9a-f]{64}$/)
    assert.ok((await runtime.listImages()).some(({ id }) => id === status?.id))
    assert.equal((await runtime.imageStatus(status!.id))?.id, status!.id)
  })
  promise('a name that no image can have is InvalidImageName', async ({ harness: { runtime } }) => {
    await assert.rejects(runtime.imageStatus('Not An Image'), isRuntimeError('InvalidImageName'))
  })
  promise('an absent image is undefined, and a failing pull is ErrImagePull', async ({ harness: { runtime, missingImage } }) => {
    assert.equal(await runtime.imageStatus(missingImage), undefined)
    await assert.rejects(runtime.pullImage(missingImage, [], NEVER), isRuntimeError('ErrImagePull'))
  })
}

const isRuntimeError =
  (reason: RuntimeReason) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof RuntimeError, String(error))
    assert.equal(error.reason, reason, error.message)
    return true
  }

/** One pod with a uid of its own, and short ways to do things to it. */
class PodUnderTest {
  readonly uid = randomUUID()
  readonly harness: RuntimeHarness

  constructor(harness: RuntimeHarness) {
    this.harness = harness
  }

  sandbox(change: Partial<SandboxConfig> = {}): Promise<string> {
    return this.harness.runtime.runSandbox(
      {
        podUid: this.uid,
        namespace: 'default',
        name: 'web',
        hostname: 'web',
        hostNetwork: false,
        hostPid: false,
        hostIpc: false,
        portMappings: [],
        logDirectory: `${this.harness.folder}/${this.uid}`,
        sysctls: {},
        sharedProcesses: false,
        resources: { qosClass: 'Burstable', cpuRequestMillis: 0 },
        ...change,
      },
      NEVER,
    )
  }

  /** Without a command, `args` are `sh -c` and its arguments. */
  async create(change: Partial<ContainerConfig>): Promise<string> {
    const { runtime, folder, image } = this.harness
    const sandboxId = await this.sandbox()
    const { name = 'main', attempt = 0 } = change
    return runtime.createContainer(
      sandboxId,
      {
        name,
        attempt,
        image: (await runtime.imageStatus(image))!.id,
        imageReference: image,
        command: ['/bin/sh', '-c'],
        args: ['sleep 600'],
        env: [],
        mounts: [],
        logPath: `${folder}/${this.uid}/${name}/${attempt}.log`,
        resources: { cpuRequestMillis: 0 },
        devices: [],
        stdinOnce: false,
        oomScoreAdj: 1000,
        tty: false,
        stdin: false,
        terminationMessagePath: '/dev/termination-log',
        annotations: {},
        security: {
          supplementalGroups: [],
          privileged: false,
          readOnlyRoot: false,
          noNewPrivileges: false,
          addCapabilities: [],
          dropCapabilities: [],
          seccomp: { type: 'runtime-default' as const },
          procMount: 'default' as const,
        },
        ...change,
      },
      NEVER,
    )
  }

  async start(change: Partial<ContainerConfig>): Promise<string> {
    const id = await this.create(change)
    await this.harness.runtime.startContainer(id)
    return id
  }

  async observe(): Promise<SandboxState> {
    const [seen, ...more] = await this.harness.runtime.observe(this.uid)
    assert.ok(seen && more.length === 0, `one sandbox, not ${seen ? more.length + 1 : 0}`)
    return seen
  }

  async container(id: string): Promise<ContainerState> {
    const seen = (await this.observe()).containers.find((container) => container.id === id)
    assert.ok(seen, `container ${id} is not observed`)
    return seen
  }

  async exited(id: string): Promise<ContainerState> {
    return this.#until(
      () => this.container(id),
      ({ state }) => state === 'exited',
      'exited',
    )
  }

  async log(id: string): Promise<string> {
    return this.harness.readLog((await this.container(id)).logPath)
  }

  async logged(id: string, pattern: RegExp): Promise<void> {
    await this.#until(
      () => this.log(id),
      (text) => pattern.test(text),
      `logged ${pattern}`,
    )
  }

  /** The result of `work`, while time passes. */
  async passing<T>(work: Promise<T>): Promise<T> {
    let done = false
    const ended = work.then(
      () => {
        done = true
      },
      () => {
        done = true
      },
    )
    for (let pauses = 0; !done && pauses < PAUSES_MAX; pauses++) await Promise.race([ended, this.harness.pause()])
    assert.ok(done, 'it ends in time')
    return work
  }

  async remove(): Promise<void> {
    for (const { id } of await this.harness.runtime.observe(this.uid)) await this.harness.runtime.removeSandbox(id)
  }

  async #until<T>(look: () => Promise<T>, good: (value: T) => boolean, what: string): Promise<T> {
    let value = await look()
    for (let pauses = 0; !good(value); pauses++) {
      assert.ok(pauses < PAUSES_MAX, `not ${what} in time: ${JSON.stringify(value)}`)
      await this.harness.pause()
      value = await look()
    }
    return value
  }
}
