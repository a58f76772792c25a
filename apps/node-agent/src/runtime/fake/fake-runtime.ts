import { type Duplex, PassThrough } from 'node:stream'
import type { RemoteProcess, Stdio } from '@bramble/streams/remote-process'
import type { Clock } from '@bramble/reconcile/env'
import { Signal } from '@bramble/reconcile/signal'
import {
  type ContainerConfig,
  type ContainerState,
  type ContainerResources,
  type ImageState,
  type PodResources,
  type RegistryLogin,
  type Runtime,
  RuntimeError,
  type SandboxConfig,
  type SandboxState,
  type WritableLayer,
} from '../runtime.ts'
import { FakeImages, hash } from './fake-images.ts'
import { fakeAttached, fakeProcess, type FakeTerminal, play } from './fake-process.ts'
import { fakeScript, type FakeScript } from './fake-script.ts'
import { note, shown } from './notes.ts'

export interface FakeRuntimeOptions {
  readonly clock: Clock
  /** First three numbers of the addresses that pods get. */
  readonly addressPrefix?: string
  /** What a registry would have; a reference that is not listed and matches none of these fails to pull. Default: everything. */
  readonly pullable?: (reference: string) => boolean
  readonly startMs?: number
  readonly pullMs?: number
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
interface FakeContainer {
  readonly state: Mutable<ContainerState>
  readonly config: ContainerConfig
  readonly script: FakeScript
  readonly death: AbortController
  readonly terminal: FakeTerminal
}
interface FakeSandbox {
  readonly config: SandboxConfig
  readonly state: Mutable<Omit<SandboxState, 'containers'>>
  readonly containers: Map<string, FakeContainer>
}
export type FakeOperation =
  | 'runSandbox'
  | 'createContainer'
  | 'startContainer'
  | 'stopContainer'
  | 'removeContainer'
  | 'removeSandbox'
  | 'pullImage'
  | 'observe'
  | 'exec'
  | 'updateContainer'
  | 'updateSandbox'

/**
 * A runtime over maps: a real implementation, not a mock. Tests script what processes do (`fake-script.ts`), crash them, reboot the
 * machine and make operations fail; they never say what a method returns. It outlives the agent that uses it, as containers do.
 */
export class FakeRuntime implements Runtime {
  readonly name = 'fake'
  /** What containers printed, by log path, in CRI log format. */
  readonly logs = new Map<string, string>()
  /** Commands that were run inside containers, in order. */
  readonly execs: string[] = []
  /** What containers and pods (`pod`) were given besides at their start, in order: `main memory=64Mi`. */
  readonly updates: string[] = []
  ready = true
  readonly #options: FakeRuntimeOptions
  readonly #clock: Clock
  readonly #sandboxes = new Map<string, FakeSandbox>()
  readonly #images = new FakeImages()
  readonly #failures = new Map<FakeOperation, Error[]>()
  readonly #hinted = new Set<{ readonly uids: Set<string>; readonly change: Signal }>()
  #next = 1

  constructor(options: FakeRuntimeOptions) {
    this.#options = options
    this.#clock = options.clock
  }

  // ── what tests do to it ───────────────────────────────────────────────────

  /** Makes an image present, as a local build does. */
  addImage(reference: string): ImageState {
    return this.#images.add(reference)
  }

  /** The next `times` calls of `operation` throw `error`. */
  failNext(operation: FakeOperation, error: Error, times = 1): void {
    this.#failures.set(operation, [...(this.#failures.get(operation) ?? []), ...Array.from({ length: times }, () => error)])
  }

  /** The process ends by itself. */
  crash(containerId: string, exitCode: number, oomKilled = false): void {
    const found = this.#container(containerId)
    if (found?.state.state === 'running') this.#die(found, { exitCode, ...(oomKilled && { oomKilled }) })
  }

  /** Power cut and boot: processes, namespaces and exit codes are lost, what is on the disk stays. */
  reboot(): void {
    for (const sandbox of this.#sandboxes.values()) {
      sandbox.state.ready = false
      for (const container of sandbox.containers.values()) {
        if (container.state.state === 'running') container.state.state = 'exited'
        container.death.abort()
      }
    }
  }

  /** Every container that runs now, of one pod when `podUid` is given. */
  running(podUid?: string): readonly ContainerState[] {
    return [...this.#sandboxes.values()]
      .filter((sandbox) => podUid === undefined || sandbox.config.podUid === podUid)
      .flatMap((sandbox) => [...sandbox.containers.values()].map(({ state }) => state).filter(({ state }) => state === 'running'))
  }

  /** What the container was made of. */
  configOf(containerId: string): ContainerConfig | undefined {
    return this.#container(containerId)?.config
  }

  // ── RuntimeService ────────────────────────────────────────────────────────

  async status() {
    return { ready: this.ready, version: '1.0.0', ...(!this.ready && { reason: 'the fake runtime was told to be broken' }) }
  }

  async observe(podUid?: string): Promise<readonly SandboxState[]> {
    this.#mayFail('observe')
    return [...this.#sandboxes.values()]
      .filter((sandbox) => podUid === undefined || sandbox.config.podUid === podUid)
      .map((sandbox) => structuredClone({ ...sandbox.state, containers: [...sandbox.containers.values()].map(({ state }) => state) }))
  }

  async *hints(signal: AbortSignal): AsyncIterable<{ readonly podUid: string }> {
    const listener = { uids: new Set<string>(), change: new Signal() }
    this.#hinted.add(listener)
    try {
      while (!signal.aborted) {
        for (const podUid of listener.uids) {
          listener.uids.delete(podUid)
          yield { podUid }
        }
        if (listener.uids.size === 0) await listener.change.wait(signal)
      }
    } finally {
      this.#hinted.delete(listener)
    }
  }

  async runSandbox(config: SandboxConfig, signal: AbortSignal): Promise<string> {
    this.#mayFail('runSandbox')
    signal.throwIfAborted()
    const existing = [...this.#sandboxes.values()].find((sandbox) => sandbox.config.podUid === config.podUid)
    if (existing?.state.ready) return existing.state.id
    if (existing)
      throw new RuntimeError('CreatePodSandboxError', `sandbox ${existing.state.id} of pod ${config.name} is dead: remove it first`)
    const { podUid, namespace, name } = config
    const id = `sandbox-${this.#next++}`
    this.#sandboxes.set(id, {
      config,
      containers: new Map(),
      state: {
        id,
        podUid,
        namespace,
        name,
        ready: true,
        createdAtMs: this.#clock.nowMs(),
        ...(!config.hostNetwork && { ip: this.#freeAddress() }),
      },
    })
    return id
  }

  async createContainer(sandboxId: string, config: ContainerConfig, signal: AbortSignal): Promise<string> {
    this.#mayFail('createContainer')
    signal.throwIfAborted()
    const sandbox = this.#sandboxes.get(sandboxId)
    if (!sandbox) throw new RuntimeError('CreateContainerError', `no sandbox ${sandboxId}`)
    for (const { state } of sandbox.containers.values()) if (state.name === config.name && state.attempt === config.attempt) return state.id
    if (!this.#images.has(config.image)) throw new RuntimeError('CreateContainerError', `no image ${config.image}`)
    const { name, attempt, image, imageReference, logPath, annotations } = config
    const id = hash(`${sandboxId}/${name}/${attempt}/${this.#next++}`)
    const death = new AbortController()
    const input = config.stdin ? new PassThrough() : undefined
    sandbox.containers.set(id, {
      config,
      script: fakeScript([...config.command, ...config.args]),
      death,
      terminal: { input, stdinOnce: config.stdinOnce, watchers: new Set(), death: death.signal },
      state: { id, name, attempt, state: 'created', image, imageReference, createdAtMs: this.#clock.nowMs(), logPath, annotations },
    })
    return id
  }

  async startContainer(id: string): Promise<void> {
    this.#mayFail('startContainer')
    const container = this.#container(id)
    if (!container) throw new RuntimeError('RunContainerError', `no container ${id}`)
    if (container.state.state !== 'created') return
    if (this.#options.startMs) await this.#clock.sleep(this.#options.startMs, container.death.signal)
    if (container.death.signal.aborted) throw new RuntimeError('RunContainerError', `container ${id} has lost its sandbox`)
    const command = container.config.command[0]
    if (command?.startsWith('/no/such/')) {
      Object.assign(container.state, {
        state: 'exited',
        exitCode: 128,
        startedAtMs: this.#clock.nowMs(),
        finishedAtMs: this.#clock.nowMs(),
      })
      throw new RuntimeError('RunContainerError', `exec: "${command}": stat ${command}: no such file or directory`)
    }
    Object.assign(container.state, { state: 'running', startedAtMs: this.#clock.nowMs() })
    this.logs.set(container.state.logPath, this.logs.get(container.state.logPath) ?? '')
    void this.#live(container)
  }

  async stopContainer(id: string, graceMs: number): Promise<void> {
    this.#mayFail('stopContainer')
    const container = this.#container(id)
    if (container?.state.state !== 'running') return
    if (container.script.ignoresTerm) await this.#clock.sleep(graceMs, container.death.signal)
    if (container.state.state === 'running') this.#die(container, { exitCode: container.script.ignoresTerm || graceMs === 0 ? 137 : 143 })
  }

  async removeContainer(id: string): Promise<void> {
    this.#mayFail('removeContainer')
    const container = this.#container(id)
    if (container) this.#die(container, { exitCode: 137 })
    container?.death.abort()
    for (const sandbox of this.#sandboxes.values()) sandbox.containers.delete(id)
  }

  async removeSandbox(id: string): Promise<void> {
    this.#mayFail('removeSandbox')
    for (const containerId of this.#sandboxes.get(id)?.containers.keys() ?? []) await this.removeContainer(containerId)
    this.#sandboxes.delete(id)
  }

  async exec(
    containerId: string,
    command: readonly string[],
    timeoutMs: number,
  ): Promise<{ readonly exitCode: number; readonly output: string }> {
    if (this.#container(containerId)?.state.state !== 'running')
      throw new RuntimeError('RuntimeUnavailable', `container ${containerId} is not running`)
    this.#mayFail('exec')
    note(this.execs, command.join(' '))
    const { death } = this.#container(containerId)!
    const script = fakeScript(command)
    const output: string[] = []
    let leftMs = timeoutMs
    for (const action of script.actions) {
      if (action.type === 'print') output.push(`${action.text}\n`)
      else if (action.type === 'sleep') {
        await this.#clock.sleep(Math.min(action.ms, leftMs), death.signal)
        if (death.signal.aborted) return { exitCode: 137, output: output.join('') }
        leftMs -= action.ms
        if (leftMs <= 0) throw new RuntimeError('ExecTimeout', `command "${command.join(' ')}" timed out after ${timeoutMs} ms`)
      }
    }
    return { exitCode: script.exitCode, output: output.join('').slice(0, 10_240) }
  }

  async updateContainer(id: string, resources: ContainerResources): Promise<void> {
    this.#mayFail('updateContainer')
    const container = this.#container(id)
    if (container?.state.state !== 'running') throw new RuntimeError('ResizeError', `container ${id} is not running`)
    container.state.resources = { ...container.state.resources, ...resources }
    note(this.updates, `${container.state.name} ${shown(resources)}`)
  }

  async reopenLog(id: string): Promise<void> {
    if (this.#container(id)?.state.state !== 'running') throw new RuntimeError('RuntimeUnavailable', `container ${id} is not running`)
  }

  async updateSandbox(_id: string, resources: PodResources): Promise<void> {
    this.#mayFail('updateSandbox')
    note(this.updates, `pod ${shown(resources)}`)
  }

  async openExec(containerId: string, command: readonly string[], stdio: Stdio, signal: AbortSignal): Promise<RemoteProcess> {
    if (this.#container(containerId)?.state.state !== 'running')
      throw new RuntimeError('RuntimeUnavailable', `container ${containerId} is not running`)
    return fakeProcess(fakeScript(command), stdio, this.#clock, signal)
  }

  async openAttach(containerId: string, stdio: Stdio, signal: AbortSignal): Promise<RemoteProcess> {
    const container = this.#container(containerId)
    if (container?.state.state !== 'running') throw new RuntimeError('RuntimeUnavailable', `container ${containerId} is not running`)
    return fakeAttached(container.terminal, stdio, signal)
  }

  /** Answers with what it is sent. */
  async openPort(sandboxId: string, port: number): Promise<Duplex> {
    if (!this.#sandboxes.has(sandboxId)) throw new RuntimeError('RuntimeUnavailable', `no sandbox ${sandboxId} with port ${port}`)
    return new PassThrough()
  }

  async cgroupOf(): Promise<string | undefined> {
    return undefined
  }

  async writableLayers(): Promise<readonly WritableLayer[]> {
    return []
  }

  async imageFolder(): Promise<string> {
    return '/'
  }

  // ── ImageService ──────────────────────────────────────────────────────────

  async imageStatus(reference: string): Promise<ImageState | undefined> {
    return this.#images.status(reference)
  }

  async pullImage(reference: string, _logins: readonly RegistryLogin[], signal: AbortSignal): Promise<ImageState> {
    if (this.#options.pullMs) await this.#clock.sleep(this.#options.pullMs, signal)
    signal.throwIfAborted()
    this.#mayFail('pullImage')
    if (!(this.#options.pullable?.(reference) ?? true))
      throw new RuntimeError('ErrImagePull', `reading manifest of ${reference}: manifest unknown`)
    return this.addImage(reference)
  }

  async loadImages(archivePath: string): Promise<readonly ImageState[]> {
    this.#mayFail('pullImage')
    return [this.#images.load(archivePath)]
  }

  async listImages(): Promise<readonly ImageState[]> {
    return this.#images.list()
  }

  async removeImage(id: string): Promise<void> {
    this.#images.remove(id)
  }

  async #live(container: FakeContainer): Promise<void> {
    const { script, death, terminal } = container
    const print = (stream: 'stdout' | 'stderr', text: string): void => {
      for (const line of text.split('\n').slice(0, -1)) this.#print(container, stream, line)
      for (const watch of terminal.watchers) watch(stream, text)
    }
    await play(script, { input: terminal.input, print }, this.#clock, death.signal)
    if (!death.signal.aborted) this.#die(container, { exitCode: script.exitCode })
  }

  #print({ state }: FakeContainer, stream: string, text: string): void {
    const time = new Date(this.#clock.nowMs()).toISOString().replace('Z', '000000Z')
    this.logs.set(state.logPath, `${this.logs.get(state.logPath) ?? ''}${time} ${stream} F ${text}\n`)
  }

  #die(container: FakeContainer, end: { readonly exitCode: number; readonly oomKilled?: boolean }): void {
    if (container.state.state !== 'running') return
    Object.assign(container.state, { state: 'exited', finishedAtMs: this.#clock.nowMs(), ...end })
    container.death.abort()
    const sandbox = [...this.#sandboxes.values()].find(({ containers }) => containers.has(container.state.id))
    if (!sandbox) return
    for (const listener of this.#hinted) {
      listener.uids.add(sandbox.config.podUid)
      listener.change.notify()
    }
  }

  #container(id: string): FakeContainer | undefined {
    for (const sandbox of this.#sandboxes.values()) {
      const container = sandbox.containers.get(id)
      if (container) return container
    }
    return undefined
  }

  #freeAddress(): string {
    const used = new Set([...this.#sandboxes.values()].map(({ state }) => state.ip))
    for (let host = 2; host < 255; host++) {
      const ip = `${this.#options.addressPrefix ?? '10.42.0'}.${host}`
      if (!used.has(ip)) return ip
    }
    throw new RuntimeError('CreatePodSandboxError', 'no address is left in the pod network of this node')
  }

  #mayFail(operation: FakeOperation): void {
    const error = this.#failures.get(operation)?.shift()
    if (error) throw error
  }
}
