import { watch } from 'node:fs'
import { mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { StatusReport } from '@bramble/link/link'
import { backoffMs } from '@bramble/reconcile/backoff'
import type { Env } from '@bramble/reconcile/env'
import { Signal } from '@bramble/reconcile/signal'
import { isMissing } from '../../../host/files.ts'
import { messageOf } from '../../message-of.ts'
import type { CsiDriver } from './csi-driver.ts'

const RESCAN_MS = 60_000
const SETTLE_MS = 200
const RETRY_MS_MIN = 1_000
const RETRY_MS_MAX = 122_000
const SOCKETS_MAX = 64

/** Drivers that are registered now. */
export interface CsiDrivers {
  find(name: string): CsiDriver | undefined
}

export interface CsiPluginsTells {
  readonly send: (report: StatusReport) => void
  readonly tellNode: (type: 'Warning', reason: string, message: string) => void
  /** A driver has come: volumes that wait for it may go on. */
  readonly changed: () => void
}

/**
 * CSI drivers of this node, found by their registration sockets in one folder; a socket that is gone takes its driver with it. What
 * speaks to them is loaded when the first one comes.
 * @see Source: kubelet pluginmanager; node-driver-registrar.
 */
export class CsiPlugins implements CsiDrivers {
  readonly #folder: string
  readonly #env: Env
  readonly #sockets = new Map<string, Socket>()
  readonly #change = new Signal()
  readonly #told = new Map<string, string>()
  #isChanged = false
  #tells: CsiPluginsTells | undefined
  #reported: string | undefined

  constructor(folder: string, env: Env) {
    this.#folder = folder
    this.#env = env
  }

  find(name: string): CsiDriver | undefined {
    return this.#drivers().find(({ facts }) => facts.name === name)
  }

  /** Follows the folder until `signal` aborts. Never throws. */
  async run(tells: CsiPluginsTells, signal: AbortSignal): Promise<void> {
    this.#tells = tells
    const { clock, log, random } = this.#env
    await mkdir(this.#folder, { recursive: true, mode: 0o750 }).catch((error: unknown) =>
      log.warn('the folder of plugins cannot be made', { folder: this.#folder, error }),
    )
    while (!signal.aborted) {
      using _watch = this.#watch()
      this.#isChanged = false
      await this.#scan(signal)
      this.#reportNews()
      if (!this.#isChanged) {
        const stop = new AbortController()
        const until = AbortSignal.any([signal, stop.signal])
        await Promise.race([this.#change.wait(until), clock.sleep(this.#pauseMs(RESCAN_MS * (0.8 + random() * 0.4)), until)])
        stop.abort()
      }
      await clock.sleep(SETTLE_MS, signal)
    }
    await Promise.all([...this.#sockets.values()].map(({ work }) => work))
    for (const path of [...this.#sockets.keys()]) this.#drop(path)
  }

  async #scan(signal: AbortSignal): Promise<void> {
    const found = await this.#found()
    for (const [path, { version }] of this.#sockets) if (found.get(path) !== version) this.#drop(path)
    const nowMs = this.#env.clock.monotonicMs()
    for (const [path, version] of found) {
      const socket = this.#sockets.get(path) ?? this.#add(path, version)
      if (socket.work || socket.driver || socket.retryAtMs > nowMs) continue
      socket.work = this.#register(path, socket, signal).finally(() => {
        delete socket.work
        socket.isTried = true
        this.#wake()
      })
    }
  }

  async #register(path: string, socket: Socket, signal: AbortSignal): Promise<void> {
    const { clock, log, random } = this.#env
    const until = AbortSignal.any([signal, socket.gone.signal])
    try {
      const { register } = await import('./registration.ts')
      const driver = await register(path, (name) => this.#drivers(path).find(({ facts }) => facts.name === name), until)
      if (until.aborted) return driver.close()
      this.#supersede(driver.facts.name)
      socket.driver = driver
      this.#told.delete(path)
      log.info('a CSI driver is registered', { driver: driver.facts.name, socket: path })
      this.#tells?.changed()
    } catch (error) {
      if (until.aborted) return
      socket.failures++
      socket.retryAtMs = clock.monotonicMs() + backoffMs(socket.failures, RETRY_MS_MIN, RETRY_MS_MAX, random)
      const why = messageOf(error)
      if (this.#told.get(path) === why) return
      this.#told.set(path, why)
      log.warn('a plugin is not registered', { socket: path, why })
      this.#tells?.tellNode('Warning', 'FailedPluginRegistration', `${path}: ${why}`)
    }
  }

  /** Its socket is asked again when the successor goes. */
  #supersede(name: string): void {
    for (const socket of this.#sockets.values()) {
      if (socket.driver?.facts.name !== name) continue
      socket.driver.close()
      delete socket.driver
      socket.retryAtMs = Infinity
    }
  }

  #add(path: string, version: string): Socket {
    const socket: Socket = { version, gone: new AbortController(), failures: 0, retryAtMs: -Infinity, isTried: false }
    this.#sockets.set(path, socket)
    return socket
  }

  #drop(path: string): void {
    const { driver, gone } = this.#sockets.get(path)!
    gone.abort()
    driver?.close()
    this.#sockets.delete(path)
    for (const socket of this.#sockets.values()) if (socket.retryAtMs === Infinity) socket.retryAtMs = -Infinity
    if (driver) this.#env.log.info('a CSI driver is no longer registered', { driver: driver.facts.name, socket: path })
  }

  #drivers(except?: string): readonly CsiDriver[] {
    return [...this.#sockets].flatMap(([path, { driver }]) => (driver && path !== except ? [driver] : []))
  }

  /** Not before each socket that an agent finds at its start was tried once: drivers would seem to go and to come again. */
  #reportNews(): void {
    const isFirst = this.#reported === undefined
    if (isFirst && [...this.#sockets.values()].some(({ isTried }) => !isTried)) return
    if (this.#state() === this.#reported) return
    this.#reported = this.#state()
    this.#tells?.send({ type: 'csi-drivers', drivers: this.#facts() })
  }

  #facts() {
    return this.#drivers()
      .map(({ facts }) => facts)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  #state(): string {
    return JSON.stringify(this.#facts())
  }

  /** Sockets by path, with what tells one from another at the same place. */
  async #found(): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>()
    try {
      for (const entry of (await readdir(this.#folder, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
        if (!entry.isSocket() || entry.name.startsWith('.') || found.size >= SOCKETS_MAX) continue
        const path = join(this.#folder, entry.name)
        const info = await stat(path).catch((error: unknown) => (isMissing(error) ? undefined : Promise.reject(error)))
        if (info) found.set(path, `${info.ino} ${info.mtimeMs}`)
      }
      for (const path of this.#told.keys()) if (!found.has(path)) this.#told.delete(path)
    } catch (error) {
      if (!isMissing(error)) this.#env.log.warn('the folder of plugins cannot be read', { folder: this.#folder, error })
    }
    return found
  }

  #pauseMs(longestMs: number): number {
    const waiting = [...this.#sockets.values()].filter(({ driver, work }) => !driver && !work)
    const nowMs = this.#env.clock.monotonicMs()
    return Math.min(longestMs, ...waiting.map(({ retryAtMs }) => Math.max(0, retryAtMs - nowMs)))
  }

  #wake(): void {
    this.#isChanged = true
    this.#change.notify()
  }

  #watch(): Disposable {
    try {
      const watcher = watch(this.#folder, { persistent: false }, () => this.#wake())
      watcher.on('error', () => watcher.close())
      return { [Symbol.dispose]: () => watcher.close() }
    } catch {
      return { [Symbol.dispose]: () => {} } // looked at now and then
    }
  }
}

interface Socket {
  readonly version: string
  readonly gone: AbortController
  failures: number
  retryAtMs: number
  isTried: boolean
  work?: Promise<void>
  driver?: CsiDriver
}
