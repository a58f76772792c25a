import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { access, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { TestContext } from 'node:test'
import type { RemoteProcess, Stdio } from '@bramble/streams/remote-process'
import { busyboxFiles } from '../../../../../tools/images/busybox.ts'
import { imageArchive } from '../../../../../tools/images/image-archive.ts'
import type { TarEntry } from '../../../../../tools/images/tar.ts'
import { runCommand } from '../../host/exec.ts'
import {
  type ContainerConfig,
  type ContainerState,
  type ImageState,
  type Runtime,
  RuntimeError,
  type RuntimeReason,
  type SandboxConfig,
  type SandboxState,
} from '../runtime.ts'

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

/** Of a pod that asks for nothing. */
export const PLAIN_SECURITY: ContainerConfig['security'] = {
  supplementalGroups: [],
  privileged: false,
  readOnlyRoot: false,
  noNewPrivileges: false,
  addCapabilities: [],
  dropCapabilities: [],
  seccomp: { type: 'runtime-default' },
  procMount: 'default',
}

/** One promise of the contract. */
export type PromiseOf = (title: string, body: (pod: PodUnderTest, t: TestContext) => Promise<void>, realOnly?: boolean) => void

const PAUSES_MAX = 2_000
export const NEVER = new AbortController().signal

export const isRuntimeError =
  (reason: RuntimeReason) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof RuntimeError, String(error))
    assert.equal(error.reason, reason, error.message)
    return true
  }

/** One pod with a uid of its own, and short ways to do things to it. */
export class PodUnderTest {
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
        security: PLAIN_SECURITY,
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

  async logged(id: string, pattern: RegExp): Promise<string> {
    return this.#until(
      () => this.log(id),
      (text) => pattern.test(text),
      `logged ${pattern}`,
    )
  }

  /** Runs a command to its end as somebody who watches; `input` is all that it gets to read. */
  async run(id: string, command: readonly string[], input?: string): Promise<{ stdout: string; stderr: string; exitCode: number }> {
    const stdio = { stdin: input !== undefined, stdout: true, stderr: true, tty: false }
    const process = await this.harness.runtime.openExec(id, command, stdio, NEVER)
    process.stdin?.end(input)
    const [stdout, stderr, { exitCode }] = await this.passing(Promise.all([text(process.stdout!), text(process.stderr!), process.ended]))
    return { stdout, stderr, exitCode }
  }

  /** Output of a shell line in the container, errors among it as they come. */
  async shell(id: string, line: string): Promise<string> {
    return (await this.harness.runtime.exec(id, ['/bin/sh', '-c', `exec 2>&1; ${line}`], 10_000)).output
  }

  /** Waits for a socket in the table of TCP sockets that the container sees. Without real processes it is there at once. */
  async listens(id: string, pattern: RegExp): Promise<void> {
    if (!this.harness.real) return
    await this.#until(
      () => this.shell(id, 'cat /proc/net/tcp /proc/net/tcp6'),
      (sockets) => pattern.test(sockets),
      'listening',
    )
  }

  /** Somebody at the container itself, and a way to wait for what it prints to them. */
  async attach(id: string, change: Partial<Stdio> = {}, signal: AbortSignal = NEVER): Promise<Watched> {
    return new Watched(
      await this.harness.runtime.openAttach(id, { stdin: true, stdout: true, stderr: true, tty: false, ...change }, signal),
      this.harness.pause,
    )
  }

  /** First of these files of the container's own group (of the pod's without `id`) that the kernel has, whatever the version. */
  async cgroupFile(id: string | undefined, ...files: readonly string[]): Promise<string | undefined> {
    const folder = await this.harness.runtime.cgroupOf(this.uid)
    assert.ok(folder, 'the cgroup of the pod is known')
    for (const file of files)
      for (const top of ['', file.split('.')[0]!].map((controller) => join('/sys/fs/cgroup', controller, folder))) {
        const own = id === undefined ? '' : (await readdir(top).catch(() => [])).find((name) => name.includes(id))
        const path = own === undefined ? undefined : join(top, own, file)
        const isThere =
          path !== undefined &&
          (await access(path).then(
            () => true,
            () => false,
          ))
        if (isThere) return (await readFile(path, 'utf8')).trim()
      }
    return undefined
  }

  /** An image archive in the harness's folder: busybox and, if given, a program. */
  async archive(name: string, extra: { readonly user?: string; readonly program?: Uint8Array }): Promise<{ path: string; id: string }> {
    const program: TarEntry[] = extra.program ? [{ path: 'program', type: 'file', mode: 0o755, data: extra.program }] : []
    const config = { env: { PATH: '/bin' }, labels: {}, ...(extra.user !== undefined && { user: extra.user }) }
    const archive = imageArchive(name, [...(await busyboxFiles()), ...program], config, process.arch === 'x64' ? 'amd64' : process.arch)
    const path = join(this.harness.folder, `${randomUUID()}.tar`)
    await writeFile(path, archive.bytes)
    return { path, id: archive.id }
  }

  /** An image like the usual one whose USER this is. */
  async imageOfUser(user: string): Promise<ImageState> {
    const { path } = await this.archive(`localhost/user-${user}:1`, { user })
    return (await this.harness.runtime.loadImages(path, NEVER))[0]!
  }

  /** A small file system in memory at this folder. @returns what takes it away. */
  async mountMemory(path: string): Promise<() => Promise<void>> {
    await runCommand('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'bramble-test', path])
    return async () => void (await runCommand('umount', ['--lazy', path]))
  }

  /** Looks again and again until it is good. */
  async until<T>(look: () => Promise<T>, good: (value: T) => boolean, what: string): Promise<T> {
    return this.#until(look, good, what)
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

/** A process whose output is kept as it comes. */
export class Watched {
  readonly process: RemoteProcess
  readonly #pause: () => Promise<void>
  #seen = ''

  constructor(process: RemoteProcess, pause: () => Promise<void>) {
    this.process = process
    this.#pause = pause
    for (const stream of [process.stdout, process.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.#seen += chunk.toString()
      })
  }

  get seen(): string {
    return this.#seen
  }

  async prints(pattern: RegExp): Promise<void> {
    for (let pauses = 0; !pattern.test(this.#seen); pauses++) {
      assert.ok(pauses < PAUSES_MAX, `${pattern} is not printed in time, but ${JSON.stringify(this.#seen.slice(-1000))}`)
      await this.#pause()
    }
  }
}

/** All that a stream gives. */
export async function text(stream: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(Buffer.from(chunk as Uint8Array))
  return Buffer.concat(chunks).toString()
}
