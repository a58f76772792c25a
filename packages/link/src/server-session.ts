import type { Clock } from '@bramble/reconcile/env'
import type { Assignment, NodeHello, ServerSession, StreamRequest } from './link.ts'
import { type Channel, type DownMessage, type LinkTiming, WINDOW } from './protocol.ts'

export interface ServerSessionOptions {
  readonly nodeName: string
  readonly id: string
  readonly hello: NodeHello
  readonly clock: Clock
  readonly timing: LinkTiming
  /** Best effort. @throws when the message can never be carried, because it is too large. */
  send(message: DownMessage): void
  /** The session is over for a reason on this end: it was told to end, or the node does not read. */
  over(reason: string): void
}

/** The server's end of one session: sends in order, and again until the node has read it. */
export class NumberedSession implements ServerSession {
  readonly nodeName: string
  readonly hello: NodeHello
  readonly id: string
  /** Whether the handler knows the session and must hear of its end. */
  opened = false
  readonly #options: ServerSessionOptions
  readonly #ended = new AbortController()
  readonly #channels: Readonly<Record<Channel, { last: number; readonly unread: Map<number, DownMessage> }>> = {
    assign: { last: 0, unread: new Map() },
    stream: { last: 0, unread: new Map() },
  }
  #watching = false
  #progress = 0

  constructor(options: ServerSessionOptions) {
    this.nodeName = options.nodeName
    this.hello = options.hello
    this.id = options.id
    this.#options = options
  }

  get ended(): boolean {
    return this.#ended.signal.aborted
  }

  async assign(assignment: Assignment): Promise<void> {
    this.#push('assign', (number) => ({ type: 'assign', session: this.id, number, item: assignment }))
  }

  async stream(request: StreamRequest): Promise<void> {
    this.#push('stream', (number) => ({ type: 'stream', session: this.id, number, item: request }))
  }

  end(): void {
    if (!this.ended) this.#options.over('ended by the server')
  }

  /** From now on `assign` and `stream` throw and nothing is sent again. */
  stop(): void {
    this.#ended.abort()
    for (const { unread } of Object.values(this.#channels)) unread.clear()
  }

  got(channel: Channel, through: number): void {
    const { unread } = this.#channels[channel]
    for (const number of unread.keys()) {
      if (number > through) break
      unread.delete(number)
      this.#progress++
    }
  }

  #push(name: Channel, message: (number: number) => DownMessage): void {
    if (this.ended) throw new Error(`the session of node ${this.nodeName} has ended`)
    const channel = this.#channels[name]
    if (channel.unread.size >= WINDOW) {
      this.#options.over(`the node has not read the last ${WINDOW} messages`)
      throw new Error(`node ${this.nodeName} does not read; its session was ended`)
    }
    const numbered = message(channel.last + 1)
    this.#options.send(numbered)
    channel.unread.set(++channel.last, numbered)
    if (!this.#watching) void this.#sendAgain()
  }

  /** Runs while something is unread, so that an idle session has no timer. */
  async #sendAgain(): Promise<void> {
    this.#watching = true
    const { clock, timing } = this.#options
    let before = this.#progress
    for (let waitedMs = 0; this.#oldest().length > 0; ) {
      await clock.sleep(timing.resendMs, this.#ended.signal)
      if (this.ended) return
      waitedMs = this.#progress === before ? waitedMs + timing.resendMs : 0
      before = this.#progress
      if (waitedMs >= timing.giveUpMs) return this.#options.over(`the node has read nothing for ${waitedMs} ms`)
      if (waitedMs > 0) for (const message of this.#oldest()) this.#options.send(message)
    }
    this.#watching = false
  }

  #oldest(): readonly DownMessage[] {
    return Object.values(this.#channels).flatMap(({ unread }) => unread.values().take(1).toArray())
  }
}
