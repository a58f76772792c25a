import type { Env } from '@bramble/reconcile/env'
import { AgentSession } from './agent-session.ts'
import type { LinkHandler, LinkServer, NodeHello, NodeLink, NodeSession } from './link.ts'
import type { DownMessage, LinkTiming, UpMessage } from './protocol.ts'
import { SessionTable } from './session-table.ts'

const TIMING: LinkTiming = { resendMs: 1_000, giveUpMs: 30_000 }
/** How long both ends take to notice a connection on which nothing passes: 1.5 times a keep-alive of 10 s. */
const SILENT_MS = 15_000

/** What may happen to a message. Rates from 0 to 1; all 0 at first. Change them at any time. */
export interface MessageFaults {
  loss: number
  repeat: number
  /** Share of messages that others may overtake, by up to `reorderMs`. */
  reorder: number
  reorderMs: number
  /** Every message takes up to this long, and stays in order. */
  delayMs: number
}

interface Connection {
  readonly nodeName: string
  readonly agent: AgentSession
  open: boolean
  /** Resolves when the newest message in order has arrived. */
  readonly newest: { up: Promise<void>; down: Promise<void> }
}

/**
 * Both ends in one process: real sessions over a carrier with faults. Runs on microtasks and the clock of its Env only,
 * so a simulation under virtual time and a seed repeats exactly.
 */
export class MemoryLink {
  readonly faults: MessageFaults = { loss: 0, repeat: 0, reorder: 0, reorderMs: 2_000, delayMs: 0 }
  readonly server: LinkServer = { run: (handler, signal) => this.#serve(handler, signal) }
  readonly #env: Env
  readonly #connections = new Map<string, Connection>()
  readonly #silent = new Set<string>()
  #table: SessionTable | undefined

  constructor(env: Env) {
    this.#env = env
  }

  connect(nodeName: string): NodeLink {
    return { open: (hello, signal) => this.#open(nodeName, hello, signal) }
  }

  /** The node's connection breaks now; both ends notice at once. An agent that crashes looks like this. */
  cut(nodeName: string): void {
    const connection = this.#connections.get(nodeName)
    if (connection) this.#break(connection, 'the connection was cut')
  }

  /** Nothing passes from and to the node until `heal`; both ends notice after 15 s. */
  silence(nodeName: string): void {
    if (this.#silent.has(nodeName)) return
    this.#silent.add(nodeName)
    const connection = this.#connections.get(nodeName)
    if (connection) void this.#noticeSilence(connection)
  }

  heal(nodeName: string): void {
    this.#silent.delete(nodeName)
  }

  async #serve(handler: LinkHandler, signal: AbortSignal): Promise<void> {
    if (this.#table) throw new Error('the memory link is being served already')
    const table = new SessionTable(handler, this.#env, TIMING, (nodeName, message) => this.#down(nodeName, message))
    this.#table = table
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
    this.#table = undefined
    for (const connection of [...this.#connections.values()]) this.#break(connection, 'the server went away')
    await table.stop()
  }

  async #open(nodeName: string, hello: NodeHello, signal: AbortSignal): Promise<NodeSession> {
    if (!this.#table) throw new Error('connection refused: the server is not running')
    const before = this.#connections.get(nodeName)
    if (before) this.#disconnect(before, 'another connection of this node took over')

    const id = Math.floor(this.#env.random() * 2 ** 48).toString(16)
    const agent: AgentSession = new AgentSession(
      id,
      { send: (message) => this.#up(connection, message), close: async () => this.#hangUp(connection) },
      this.#env.clock,
      TIMING,
    )
    const connection: Connection = { nodeName, agent, open: true, newest: { up: Promise.resolve(), down: Promise.resolve() } }
    this.#connections.set(nodeName, connection)
    if (this.#silent.has(nodeName)) void this.#noticeSilence(connection)

    const giveUp = (): void => agent.broken('opening was aborted')
    signal.addEventListener('abort', giveUp, { once: true })
    if (signal.aborted) giveUp()
    try {
      await agent.hello(hello)
    } catch (error) {
      this.#break(connection, 'the hello was not accepted')
      throw error
    } finally {
      signal.removeEventListener('abort', giveUp)
    }
    return agent
  }

  #up(connection: Connection, message: UpMessage): void {
    this.#carry(connection, 'up', message, (copy) => this.#table?.received(connection.nodeName, copy))
  }

  #down(nodeName: string, message: DownMessage): void {
    const connection = this.#connections.get(nodeName)
    if (connection) this.#carry(connection, 'down', message, (copy) => connection.agent.received(copy))
  }

  /** What was sent before arrives before the end of the connection, as over TCP. */
  #hangUp(connection: Connection): void {
    if (!connection.open) return
    if (this.#silent.has(connection.nodeName)) return // the server finds out by itself
    this.#arrive(connection, 'up', 0, true, () => this.#break(connection, 'the agent hung up'))
  }

  #break(connection: Connection, reason: string): void {
    if (!this.#disconnect(connection, reason)) return
    this.#table?.lost(connection.nodeName)
  }

  #disconnect(connection: Connection, reason: string): boolean {
    if (!connection.open) return false
    connection.open = false
    this.#connections.delete(connection.nodeName)
    connection.agent.broken(reason)
    return true
  }

  async #noticeSilence(connection: Connection): Promise<void> {
    await this.#env.clock.sleep(SILENT_MS)
    if (this.#silent.has(connection.nodeName)) this.#break(connection, 'the connection is silent')
  }

  #carry<M extends UpMessage | DownMessage>(connection: Connection, way: 'up' | 'down', message: M, deliver: (copy: M) => void): void {
    if (!connection.open || this.#silent.has(connection.nodeName)) return
    const { loss, repeat, reorder, reorderMs, delayMs } = this.faults
    if (this.#happens(loss)) return
    const text = JSON.stringify(message)
    for (let copies = this.#happens(repeat) ? 2 : 1; copies > 0; copies--) {
      const overtaken = this.#happens(reorder)
      const ms = (delayMs > 0 ? this.#env.random() * delayMs : 0) + (overtaken ? this.#env.random() * reorderMs : 0)
      this.#arrive(connection, way, ms, !overtaken, () => {
        if (!this.#silent.has(connection.nodeName)) deliver(JSON.parse(text) as M)
      })
    }
  }

  #arrive(connection: Connection, way: 'up' | 'down', afterMs: number, inOrder: boolean, act: () => void): void {
    const { clock } = this.#env
    const atMs = clock.monotonicMs() + afterMs
    const arrival = async (before?: Promise<void>): Promise<void> => {
      await before
      const leftMs = atMs - clock.monotonicMs()
      if (leftMs > 0) await clock.sleep(leftMs)
      if (connection.open) act()
    }
    if (inOrder) connection.newest[way] = arrival(connection.newest[way])
    else void arrival()
  }

  #happens(rate: number): boolean {
    return rate > 0 && this.#env.random() < rate
  }
}
