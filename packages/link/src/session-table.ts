import type { Env } from '@bramble/reconcile/env'
import type { LinkHandler } from './link.ts'
import type { DownMessage, LinkTiming, UpMessage } from './protocol.ts'
import { NumberedSession } from './server-session.ts'

/** Calls of the handler that may wait for one node; what comes beyond is dropped and will be sent again. */
const CALLS_MAX = 16
/** How often a node is told the time besides: clocks drift by seconds a day. */
const TIME_MS = 3_600_000

interface Lane {
  session: NumberedSession | undefined
  /** Whether the handler has taken the session, so that a repeated hello can be answered. */
  welcomed: boolean
  /** When the node heard our clock last; monotonic. */
  timeToldAtMs: number
  /** The newest question of the session, and its answer once there is one. */
  latest: { readonly batch: number; taken?: boolean }
  calls: number
  tail: Promise<void>
}

/** The server's end of all sessions, over any carrier. One call of the handler at a time per node. */
export class SessionTable {
  readonly #lanes = new Map<string, Lane>()
  readonly #handler: LinkHandler
  readonly #env: Env
  readonly #timing: LinkTiming
  readonly #send: (nodeName: string, message: DownMessage) => void
  #stopped = false

  /** @param send Best effort; throws only when the message is too large to be carried at all. */
  constructor(handler: LinkHandler, env: Env, timing: LinkTiming, send: (nodeName: string, message: DownMessage) => void) {
    this.#handler = handler
    this.#env = env
    this.#timing = timing
    this.#send = send
  }

  /** @param nodeName Proven by the carrier; the message is not asked. */
  received(nodeName: string, message: UpMessage): void {
    if (this.#stopped) return
    const lane = this.#lane(nodeName)
    if (message.type === 'hello') return this.#hello(lane, nodeName, message)
    const session = lane.session
    if (session?.id !== message.session) {
      if (message.type === 'report' || message.type === 'resync')
        this.#trySend(nodeName, { type: 'end', session: message.session, reason: 'unknown session' })
      return this.#tidy(nodeName, lane)
    }
    switch (message.type) {
      case 'got':
        return session.got(message.channel, message.through)
      case 'bye':
        return this.#close(lane, session, message.why)
      case 'report':
        return this.#question(lane, session, message.batch, () => this.#handler.reported(session, message.reports))
      case 'resync':
        return this.#question(lane, session, message.batch, () => this.#handler.resync(session))
    }
  }

  /** The node's connection is gone. */
  lost(nodeName: string): void {
    const lane = this.#lanes.get(nodeName)
    if (lane?.session) this.#close(lane, lane.session, 'lost')
  }

  /** Forgets all sessions without calling the handler: the server goes, the nodes do not. Resolves when running calls are done. */
  async stop(): Promise<void> {
    this.#stopped = true
    const lanes = [...this.#lanes.values()]
    for (const { session } of lanes) session?.stop()
    await Promise.all(lanes.map((lane) => lane.tail))
    this.#lanes.clear()
  }

  #hello(lane: Lane, nodeName: string, { session: id, hello }: UpMessage & { type: 'hello' }): void {
    if (lane.session?.id === id) {
      if (lane.welcomed) this.#welcome(lane, lane.session)
      return
    }
    if (lane.calls >= CALLS_MAX) return
    if (lane.session) this.#close(lane, lane.session, 'replaced')
    const session: NumberedSession = new NumberedSession({
      nodeName,
      id,
      hello,
      clock: this.#env.clock,
      timing: this.#timing,
      send: (message) => this.#send(nodeName, message),
      over: (reason) => {
        this.#trySend(nodeName, { type: 'end', session: id, reason })
        this.#env.log.info('node session ended', { node: nodeName, reason })
        this.#close(lane, session, 'lost')
      },
    })
    lane.session = session
    lane.welcomed = false
    lane.latest = { batch: 0 }
    this.#call(nodeName, lane, () => this.#open(lane, session))
  }

  async #open(lane: Lane, session: NumberedSession): Promise<void> {
    if (session.ended) return
    try {
      session.opened = true
      await this.#handler.opened(session)
    } catch (error) {
      session.opened = false
      this.#env.log.warn('node session refused', { node: session.nodeName, error })
      if (lane.session === session) lane.session = undefined
      session.stop()
      this.#trySend(session.nodeName, { type: 'end', session: session.id, reason: 'refused; see the log of the control plane' })
      return
    }
    if (session.ended) return
    lane.welcomed = true
    this.#welcome(lane, session)
  }

  #welcome(lane: Lane, { nodeName, id: session }: NumberedSession): void {
    lane.timeToldAtMs = this.#env.clock.monotonicMs()
    this.#trySend(nodeName, { type: 'welcome', session, timeMs: this.#env.clock.nowMs() })
  }

  #taken(lane: Lane, { nodeName, id: session }: NumberedSession, batch: number, taken: boolean): void {
    const isDue = this.#env.clock.monotonicMs() - lane.timeToldAtMs >= TIME_MS
    if (isDue) lane.timeToldAtMs = this.#env.clock.monotonicMs()
    this.#trySend(nodeName, { type: 'taken', session, batch, taken, ...(isDue && { timeMs: this.#env.clock.nowMs() }) })
  }

  #question(lane: Lane, session: NumberedSession, batch: number, ask: () => Promise<void>): void {
    const { latest } = lane
    if (batch < latest.batch) return // late: something newer was said already
    if (batch === latest.batch) {
      if (latest.taken !== undefined) this.#taken(lane, session, batch, latest.taken)
      return
    }
    if (lane.calls >= CALLS_MAX) return
    const question: Lane['latest'] = { batch }
    lane.latest = question
    this.#call(session.nodeName, lane, async () => {
      if (session.ended) return
      try {
        await ask()
        question.taken = true
      } catch (error) {
        this.#env.log.warn('a message of a node was not taken; it will send again', { node: session.nodeName, error })
        question.taken = false
      }
      this.#taken(lane, session, batch, question.taken)
    })
  }

  #close(lane: Lane, session: NumberedSession, why: 'goodbye' | 'lost' | 'replaced'): void {
    session.stop()
    if (lane.session !== session) return
    lane.session = undefined
    const { nodeName } = session
    this.#call(nodeName, lane, async () => {
      if (session.opened) await this.#handler.closed(session, why)
    })
  }

  #call(nodeName: string, lane: Lane, call: () => Promise<void>): void {
    lane.calls++
    lane.tail = lane.tail.then(async () => {
      try {
        if (!this.#stopped) await call()
      } catch (error) {
        this.#env.log.error('a node session could not be handled', { node: nodeName, error })
      }
      lane.calls--
      this.#tidy(nodeName, lane)
    })
  }

  #lane(nodeName: string): Lane {
    const lane = this.#lanes.get(nodeName) ?? {
      session: undefined,
      welcomed: false,
      timeToldAtMs: -Infinity,
      latest: { batch: 0 },
      calls: 0,
      tail: Promise.resolve(),
    }
    this.#lanes.set(nodeName, lane)
    return lane
  }

  #tidy(nodeName: string, lane: Lane): void {
    if (lane.calls === 0 && !lane.session && this.#lanes.get(nodeName) === lane) this.#lanes.delete(nodeName)
  }

  #trySend(nodeName: string, message: DownMessage): void {
    try {
      this.#send(nodeName, message)
    } catch (error) {
      this.#env.log.error('a message to a node could not be sent', { node: nodeName, type: message.type, error })
    }
  }
}
