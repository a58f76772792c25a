import { writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import type { Clock } from '@bramble/reconcile/env'
import type { ProcessEnd, RemoteProcess, Stdio, TerminalSize } from '@bramble/streams/remote-process'
import { RuntimeError } from '../runtime.ts'
import { type PodmanClient, PodmanError } from './client.ts'
import type { InspectedExec } from './libpod.ts'
import { commandMark, killCommand, killWatchers, removeMark } from './oci-commands.ts'

const LOOKS_MAX = 100
const LOOK_AGAIN_MS = 20

/** Commands with a terminal, by Podman, whose watcher of the command holds the terminal. */
export class Terminals {
  readonly #client: PodmanClient
  readonly #clock: Clock
  readonly #directory: string

  /** @param directory For files that live as long as a command. */
  constructor(client: PodmanClient, clock: Clock, directory: string) {
    this.#client = client
    this.#clock = clock
    this.#directory = directory
  }

  /**
   * Runs a command with a terminal. It and its watcher are killed when `signal` aborts, the stream is destroyed or Podman's service
   * goes away.
   *
   * @throws RuntimeError `RuntimeUnavailable` when the container does not run.
   */
  async open(containerId: string, command: readonly string[], stdio: Stdio, signal: AbortSignal): Promise<RemoteProcess> {
    const id = await this.#create(containerId, command, stdio, signal)
    const socket = await this.#client.hijack(`/exec/${id}/start`, { body: { Detach: false, Tty: true } }, signal)
    if (!stdio.stdout) socket.resume()
    const mark = commandMark(this.#directory, containerId, id)
    const begun = this.#begun(id, mark)
    const ended = this.#follow(id, socket, mark, signal, begun)
    ended.catch(() => {}) // who does not look at it does not care
    await begun
    return {
      ...(stdio.stdin && { stdin: socket }),
      ...(stdio.stdout && { stdout: socket }),
      resize: resizer((size) => this.#client.call('POST', `/exec/${id}/resize`, { query: { w: size.width, h: size.height } })),
      ended,
    }
  }

  async #create(containerId: string, command: readonly string[], stdio: Stdio, signal: AbortSignal): Promise<string> {
    try {
      const body = { AttachStdin: stdio.stdin, AttachStdout: true, AttachStderr: true, Tty: true, Cmd: command, DetachKeys: '' }
      return (await this.#client.call<{ Id: string }>('POST', `/containers/${containerId}/exec`, { body, signal })).Id
    } catch (error) {
      throw error instanceof PodmanError ? new RuntimeError('RuntimeUnavailable', error.message, { cause: error }) : error
    }
  }

  /** Waits until it runs, or has ended already. Notes its processes, for the next agent should this one die. */
  async #begun(id: string, mark: string): Promise<void> {
    for (let looks = 0; looks < LOOKS_MAX; looks++) {
      const { Running, Pid, CanRemove } = await this.#client.call<InspectedExec>('GET', `/exec/${id}/json`)
      if (CanRemove) return // it has ended already
      if (Running && Pid > 0) return writeFile(mark, String(Pid), { mode: 0o600 })
      await this.#clock.sleep(LOOK_AGAIN_MS)
    }
    throw new RuntimeError('RuntimeUnavailable', `the command did not begin within ${LOOKS_MAX * LOOK_AGAIN_MS} ms`)
  }

  async #follow(id: string, socket: Socket, mark: string, signal: AbortSignal, begun: Promise<void>): Promise<ProcessEnd> {
    try {
      await begun
      await new Promise<void>((resolve) => (socket.closed ? resolve() : socket.once('close', () => resolve())))
      signal.throwIfAborted()
      if (!socket.readableEnded) throw new RuntimeError('RuntimeUnavailable', 'the stream of the command was closed')
      return { exitCode: await this.#exitCode(id) }
    } finally {
      socket.destroy()
      killCommand(mark)
      await this.#exitCode(id).catch(() => {}) // Podman would look for it when the container is removed
      await killWatchers(id)
      await removeMark(mark)
    }
  }

  /** The stream ends a moment before the code is known. */
  async #exitCode(id: string): Promise<number> {
    for (let looks = 0; looks < LOOKS_MAX; looks++) {
      const { CanRemove, ExitCode } = await this.#client.call<InspectedExec>('GET', `/exec/${id}/json`)
      if (CanRemove) return ExitCode
      await this.#clock.sleep(LOOK_AGAIN_MS)
    }
    throw new RuntimeError('RuntimeUnavailable', 'the command lost its stream')
  }
}

/** Sends the newest size when the one before has arrived; those between do not matter. Sizes that come to nothing are dropped. */
export function resizer(send: (size: TerminalSize) => Promise<unknown>): (size: TerminalSize) => void {
  let next: TerminalSize | undefined
  let isSending = false
  const sendAll = async (): Promise<void> => {
    isSending = true
    for (let size = next; size; size = next) {
      next = undefined
      await send(size).catch(() => {})
    }
    isSending = false
  }
  return (size) => {
    next = size
    if (!isSending) void sendAll()
  }
}
