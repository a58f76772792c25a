import { constants, openSync, readFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { PassThrough, type Writable } from 'node:stream'
import type { Clock } from '@bramble/reconcile/env'
import type { ProcessEnd, RemoteProcess, Stdio } from '@bramble/streams/remote-process'
import { RuntimeError } from '../runtime.ts'
import { type PodmanClient, PodmanError } from './client.ts'
import { LABEL } from './convert.ts'
import { demultiplex } from './frames.ts'
import type { InspectedContainer } from './libpod.ts'
import type { StdinHolders } from './stdin-holders.ts'
import { resizer } from './terminals.ts'

const LOOKS_MAX = 100
const LOOK_AGAIN_MS = 20

/** Somebody at the streams of a container's own process: its output by Podman, its input by another hand at the same pipe. */
export class Attachments {
  readonly #client: PodmanClient
  readonly #holders: StdinHolders
  readonly #clock: Clock

  constructor(client: PodmanClient, holders: StdinHolders, clock: Clock) {
    this.#client = client
    this.#holders = holders
    this.#clock = clock
  }

  /** @throws RuntimeError `RuntimeUnavailable` when the container does not run. */
  async open(containerId: string, stdio: Stdio, signal: AbortSignal): Promise<RemoteProcess> {
    const { State, Config } = await this.#inspectRunning(containerId)
    const hasInput = Config.OpenStdin === true
    const isOnce = Config.Labels?.[LABEL.stdinOnce] === 'true'
    const isLast = stdio.stdin && isOnce
    if (hasInput && !Config.Tty && !isLast) await this.#holders.hold(containerId, State.Pid)

    const stdin = stdio.stdin && hasInput && (Config.Tty || isLast)
    const query = { stream: true, logs: false, stdin, stdout: true, stderr: true, detachKeys: '' }
    const socket = await this.#client.hijack(`/containers/${containerId}/attach`, { query }, signal)
    const ended = this.#follow(containerId, State.Pid, socket, signal)
    ended.catch(() => {}) // who does not look at it does not care
    if (Config.Tty) return { ...this.#terminal(containerId, socket, stdio), ended }
    const input = stdio.stdin && hasInput ? inputOf(State.Pid, socket) : undefined
    if (isLast) input?.once('finish', () => void this.#holders.release(containerId).then(() => socket.end()))
    return { ...(input && { stdin: input }), ...outputsOf(socket, stdio), resize: () => {}, ended }
  }

  #terminal(containerId: string, socket: Socket, stdio: Stdio): Omit<RemoteProcess, 'ended'> {
    if (!stdio.stdout) socket.resume()
    return {
      ...(stdio.stdin && { stdin: socket }),
      ...(stdio.stdout && { stdout: socket }),
      resize: resizer((size) =>
        this.#client.call('POST', `/containers/${containerId}/resize`, { query: { w: size.width, h: size.height } }),
      ),
    }
  }

  /** Podman would make one that has ended ready to start again. */
  async #inspectRunning(containerId: string): Promise<InspectedContainer> {
    const container = await this.#inspect(containerId)
    if (container?.State.Status === 'running') return container
    throw new RuntimeError('RuntimeUnavailable', `container ${containerId} is not running`)
  }

  async #follow(containerId: string, pid: number, socket: Socket, signal: AbortSignal): Promise<ProcessEnd> {
    await new Promise<void>((resolve) => (socket.closed ? resolve() : socket.once('close', () => resolve())))
    signal.throwIfAborted()
    if (!(await this.#hasEnded(pid))) throw new RuntimeError('RuntimeUnavailable', `the stream of container ${containerId} was closed`)
    return { exitCode: 0 }
  }

  /** The kernel is asked: Podman says "running" until its watcher has written down the end, which is after the stream was closed. */
  async #hasEnded(pid: number): Promise<boolean> {
    for (let looks = 0; !hasDied(pid); looks++) {
      if (looks === LOOKS_MAX) return false
      await this.#clock.sleep(LOOK_AGAIN_MS) // a process that ends lets go of its outputs a moment before
    }
    return true
  }

  async #inspect(containerId: string): Promise<InspectedContainer | undefined> {
    try {
      return await this.#client.call<InspectedContainer>('GET', `/containers/${containerId}/json`)
    } catch (error) {
      if (error instanceof PodmanError) return undefined
      throw error
    }
  }
}

/** Or only its parent has not asked yet how. @see Source: proc(5), /proc/[pid]/stat. */
function hasDied(pid: number): boolean {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return /^ [ZX] /.test(text.slice(text.lastIndexOf(')') + 1))
  } catch {
    return true
  }
}

function outputsOf(socket: Socket, stdio: Stdio): Pick<RemoteProcess, 'stdout' | 'stderr'> {
  const outputs = { ...(stdio.stdout && { stdout: new PassThrough() }), ...(stdio.stderr && { stderr: new PassThrough() }) }
  for (const output of Object.values(outputs)) output.once('close', () => !output.readableEnded && socket.destroy())
  void demultiplex(socket, outputs)
  return outputs
}

/** It does not block: a container that does not read stops nothing else. */
function inputOf(pid: number, output: Socket): Writable {
  const fd = openSync(`/proc/${pid}/fd/0`, constants.O_WRONLY | constants.O_NONBLOCK)
  const input = new Socket({ fd, readable: false, writable: true })
  input.on('error', () => {}) // nobody reads any more
  input.once('close', () => !input.writableFinished && output.destroy())
  output.once('close', () => input.destroy())
  return input
}
