import type { ServerResponse } from 'node:http'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { internalError } from '@bramble/api/status-error'
import type { Clock } from '@bramble/reconcile/env'
import { drained, STALL_MS_MAX } from './drained.ts'
import type { HttpContext } from './http-env.ts'

/**
 * A response of unknown length, written straight to Node's own: headers leave at once, memory stays bounded by the
 * socket's buffer, and `signal` aborts as soon as the client is gone or we stop.
 */
export class RawStream {
  /** Or HTTP/2's, which has the same methods. */
  readonly #outgoing: ServerResponse
  readonly #clock: Clock
  readonly #gone = new AbortController()
  readonly #closed = new AbortController()

  /** @param stop Aborts when the server stops. */
  constructor(c: HttpContext, clock: Clock, stop?: AbortSignal) {
    if (!c.env?.outgoing) throw internalError('streams need a connection')
    this.#outgoing = c.env.outgoing as ServerResponse
    this.#clock = clock
    this.#outgoing.once('close', () => {
      this.#gone.abort()
      this.#closed.abort()
    })
    this.#outgoing.on('error', () => this.#gone.abort())
    if (this.#outgoing.destroyed || stop?.aborted) this.#gone.abort()
    stop?.addEventListener('abort', () => this.#gone.abort(), { once: true, signal: this.#gone.signal })
  }

  get signal(): AbortSignal {
    return this.#gone.signal
  }

  /** Ends the stream for its own reasons: a time limit, a last message. */
  abort(): void {
    this.#gone.abort()
  }

  /** Puts status and headers on the wire. Return the result from the handler. */
  open(headers: Record<string, string>, status = 200): Response {
    this.#outgoing.writeHead(status, headers)
    this.#outgoing.flushHeaders()
    return RESPONSE_ALREADY_SENT
  }

  /** Waits while the client is slow. False when it is gone or stalled, and writing on is pointless. */
  async write(chunk: string | Uint8Array): Promise<boolean> {
    if (this.#gone.signal.aborted || this.#outgoing.destroyed) return false
    return this.#outgoing.write(chunk) || drained(this.#outgoing, this.#clock, this.#gone.signal)
  }

  /** Sends what is written, then ends; a client that does not take it is cut off. */
  async end(last?: string): Promise<void> {
    if (this.#closed.signal.aborted || this.#outgoing.destroyed) return
    if (last !== undefined) this.#outgoing.write(last)
    this.#outgoing.end()
    await this.#clock.sleep(STALL_MS_MAX, this.#closed.signal)
    if (!this.#closed.signal.aborted) this.#outgoing.destroy()
  }
}
