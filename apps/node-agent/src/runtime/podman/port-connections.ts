import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Clock } from '@bramble/reconcile/env'
import { type HelperProcess, startHelper } from '../../host/exec.ts'
import { RuntimeError } from '../runtime.ts'
import type { DialAnswer, DialRequest } from './port-dialer.ts'

/** In a bundle it lies beside the program, and this file in a folder of parts. */
const DIALER = import.meta.url.endsWith('.ts')
  ? './port-dialer.ts'
  : import.meta.url.includes('/parts/')
    ? '../port-dialer.js'
    : './port-dialer.js'
const DIAL_MS_MAX = 20_000
const IDLE_MS = 15_000
const DIALERS_MAX = 8

/**
 * Connections to ports of pods, as from inside of them. A network is entered by a helper process, one a pod, which stays for some
 * seconds since connections rarely come alone; it hands each over and carries no bytes.
 */
export class PortConnections {
  readonly #clock: Clock
  readonly #dialers = new Map<string, Dialer>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * @param netns Path of the network namespace; undefined: the host's.
   * @throws RuntimeError when nothing listens, or it takes too long.
   */
  async open(netns: string | undefined, port: number, signal: AbortSignal): Promise<Duplex> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(DIAL_MS_MAX)])
    const socket = netns === undefined ? await dialHere(port, limit) : await this.#dialerOf(netns).dial(port, limit)
    socket.on('error', () => {}) // its end says it
    const end = (): void => void socket.destroy()
    signal.addEventListener('abort', end, { once: true })
    socket.once('close', () => signal.removeEventListener('abort', end))
    return socket
  }

  close(): void {
    for (const dialer of this.#dialers.values()) dialer.stop()
  }

  #dialerOf(netns: string): Dialer {
    const existing = this.#dialers.get(netns)
    if (existing) return existing
    if (this.#dialers.size >= DIALERS_MAX) throw new RuntimeError('RuntimeUnavailable', 'too many pods are connected to at once, try again')
    const dialer = new Dialer(netns, this.#clock)
    this.#dialers.set(netns, dialer)
    void dialer.ended.then(() => this.#dialers.delete(netns))
    return dialer
  }
}

interface Waiting {
  readonly done: (connection: Socket | undefined, problem: string | undefined) => void
}

class Dialer {
  readonly ended: Promise<void>
  readonly #helper: HelperProcess
  readonly #clock: Clock
  readonly #waiting = new Map<number, Waiting>()
  #next = 1
  #idle = new AbortController()

  constructor(netns: string, clock: Clock) {
    this.#clock = clock
    this.#helper = startHelper(['nsenter', `--net=${netns}`, '--'], fileURLToPath(new URL(DIALER, import.meta.url)), (answer, connection) =>
      this.#take(answer as DialAnswer, connection),
    )
    this.ended = this.#helper.ended.then(() => {
      this.#idle.abort()
      for (const { done } of this.#waiting.values()) done(undefined, "the pod's network cannot be entered")
    })
  }

  dial(port: number, signal: AbortSignal): Promise<Socket> {
    this.#idle.abort()
    const id = this.#next++
    return new Promise((resolve, reject) => {
      const stop = (): void => this.#waiting.get(id)?.done(undefined, 'it did not answer in time')
      signal.addEventListener('abort', stop, { once: true })
      this.#waiting.set(id, {
        done: (connection, problem) => {
          signal.removeEventListener('abort', stop)
          this.#waiting.delete(id)
          if (this.#waiting.size === 0) this.#stopWhenIdle()
          if (connection) resolve(connection)
          else reject(refused(port, problem ?? 'the connection got lost'))
        },
      })
      this.#helper.send({ id, port } satisfies DialRequest)
      if (signal.aborted) stop()
    })
  }

  stop(): void {
    this.#helper.stop()
  }

  #take({ id, problem }: DialAnswer, connection: Socket | undefined): void {
    if (connection) connection.allowHalfOpen = true
    const waiting = this.#waiting.get(id)
    if (waiting) waiting.done(connection, problem)
    else connection?.destroy()
  }

  #stopWhenIdle(): void {
    const idle = new AbortController()
    this.#idle = idle
    void this.#clock.sleep(IDLE_MS, idle.signal).then(() => {
      if (!idle.signal.aborted) this.stop()
    })
  }
}

function dialHere(port: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: 'localhost', port, allowHalfOpen: true, signal }, () => {
      socket.off('error', failed)
      resolve(socket)
    })
    const failed = (error: Error): void => reject(refused(port, error.message || 'connection refused'))
    socket.once('error', failed)
  })
}

const refused = (port: number, problem: string): RuntimeError =>
  new RuntimeError('RuntimeUnavailable', `failed to connect to localhost:${port} inside the pod: ${problem}`)
