import type { Clock } from '@bramble/reconcile/env'
import { Inbox } from './inbox.ts'
import type { Assignment, NodeHello, NodeSession, StatusReport, StreamRequest } from './link.ts'
import type { DownMessage, LinkTiming, UpMessage } from './protocol.ts'

/** What carries the agent's messages: one connection. */
export interface AgentCarrier {
  /** Best effort: what must arrive is sent again. Never throws. */
  send(message: UpMessage): void
  /** Closes the connection after what was sent has left, or after a short while. */
  close(): Promise<void>
}

interface Question {
  readonly batch: number
  answer(taken: boolean): void
  fail(error: Error): void
}

/** The agent's end of one session, over any carrier. */
export class AgentSession implements NodeSession {
  readonly assignments: AsyncIterable<Assignment>
  readonly streams: AsyncIterable<StreamRequest>
  readonly closed: Promise<void>
  readonly #id: string
  readonly #carrier: AgentCarrier
  readonly #clock: Clock
  readonly #timing: LinkTiming
  readonly #end = new AbortController()
  readonly #assign: Inbox<Assignment>
  readonly #stream: Inbox<StreamRequest>
  /** The server's clock less our own monotonic one. */
  #serverAheadMs: number | undefined
  #batch = 0
  /** The hello (batch 0), or the one report or resync that waits for its answer. */
  #question: Question | undefined
  #turn: Promise<unknown> = Promise.resolve()

  constructor(id: string, carrier: AgentCarrier, clock: Clock, timing: LinkTiming) {
    this.#id = id
    this.#carrier = carrier
    this.#clock = clock
    this.#timing = timing
    this.#assign = new Inbox((through) => carrier.send({ type: 'got', session: id, channel: 'assign', through }), this.#end.signal)
    this.#stream = new Inbox((through) => carrier.send({ type: 'got', session: id, channel: 'stream', through }), this.#end.signal)
    this.assignments = this.#assign
    this.streams = this.#stream
    this.closed = new Promise((resolve) => this.#end.signal.addEventListener('abort', () => resolve(), { once: true }))
  }

  get serverTimeMs(): number | undefined {
    return this.#serverAheadMs === undefined ? undefined : this.#clock.monotonicMs() + this.#serverAheadMs
  }

  /** Says hello. @throws when the server refuses or stays silent; the session is closed then. */
  async hello(hello: NodeHello): Promise<void> {
    await this.#ask(0, { type: 'hello', session: this.#id, hello })
  }

  received(message: DownMessage): void {
    if (message.session !== this.#id || this.#end.signal.aborted) return
    switch (message.type) {
      case 'welcome':
        this.#heard(message)
        return this.#answered(0, true)
      case 'taken':
        this.#heard(message)
        return this.#answered(message.batch, message.taken)
      case 'assign':
        return this.#assign.accept(message.number, message.item)
      case 'stream':
        return this.#stream.accept(message.number, message.item)
      case 'end':
        return this.#finish(`the server ended the session: ${message.reason}`)
    }
  }

  /** The connection is gone. */
  broken(reason: string): void {
    this.#finish(reason)
  }

  async report(reports: readonly StatusReport[]): Promise<void> {
    await this.#inTurn((batch) => ({ type: 'report', session: this.#id, batch, reports }))
  }

  async resync(): Promise<void> {
    await this.#inTurn((batch) => ({ type: 'resync', session: this.#id, batch }))
  }

  async close(): Promise<void> {
    if (this.#end.signal.aborted) return
    this.#carrier.send({ type: 'bye', session: this.#id, why: 'goodbye' })
    this.#abandon('the session was closed')
    await this.#carrier.close()
  }

  /** One question at a time: the server can then tell a late repeat from something new. */
  #inTurn(message: (batch: number) => UpMessage): Promise<void> {
    const turn = this.#turn.then(() => {
      const batch = ++this.#batch
      return this.#ask(batch, message(batch))
    })
    this.#turn = turn.catch(() => {}) // the caller sees the failure; the next one in line need not
    return turn
  }

  async #ask(batch: number, message: UpMessage): Promise<void> {
    if (this.#end.signal.aborted) throw new Error('the session has ended')
    const answered = new AbortController()
    try {
      const taken = await new Promise<boolean>((resolve, reject) => {
        this.#question = { batch, answer: resolve, fail: reject }
        this.#carrier.send(message)
        void this.#sendAgain(message, answered.signal)
      })
      if (!taken) throw new Error('the server did not take the message; send it again later')
    } finally {
      this.#question = undefined
      answered.abort()
    }
  }

  async #sendAgain(message: UpMessage, answered: AbortSignal): Promise<void> {
    for (let waitedMs = 0; waitedMs < this.#timing.giveUpMs; waitedMs += this.#timing.resendMs) {
      await this.#clock.sleep(this.#timing.resendMs, answered)
      if (answered.aborted) return
      this.#carrier.send(message)
    }
    this.#finish(`the server did not answer within ${this.#timing.giveUpMs} ms`)
  }

  #heard({ timeMs }: { readonly timeMs?: number }): void {
    if (timeMs !== undefined) this.#serverAheadMs = timeMs - this.#clock.monotonicMs()
  }

  #answered(batch: number, taken: boolean): void {
    if (this.#question?.batch === batch) this.#question.answer(taken)
  }

  #finish(reason: string): void {
    if (this.#end.signal.aborted) return
    this.#abandon(reason)
    void this.#carrier.close()
  }

  #abandon(reason: string): void {
    this.#end.abort()
    this.#question?.fail(new Error(reason))
  }
}
