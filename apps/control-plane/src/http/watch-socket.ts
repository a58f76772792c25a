import type { Duplex } from 'node:stream'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { StatusError } from '@bramble/api/status-error'
import type { Clock } from '@bramble/reconcile/env'
import { checkHandshake } from '@bramble/streams/upgrade-request'
import { acceptWebSocket } from '@bramble/streams/web-socket'
import type { WebSocket } from 'ws'
import { drained, STALL_MS_MAX } from './drained.ts'
import type { Representation } from './negotiate.ts'
import type { Exchange } from './routes/exchange.ts'
import type { Upgrade } from './upgrade.ts'
import { type EventSink, watchCall } from './watch-stream.ts'

/** A client of a watch has nothing to say: whoever sends more than this is cut off. */
const PAYLOAD_BYTES_MAX = 1024
const PING_MS = 30_000
// Source: RFC 6455 7.4.1.
const NORMAL_CLOSURE = 1000
const GOING_AWAY = 1001

/**
 * Answers a watch over a WebSocket: one text message per event, then a close message.
 *
 * @throws StatusError 403 without an Origin, as the real server; what the service refuses.
 * @see Source: apiserver pkg/endpoints/handlers/watch.go HandleWS; golang.org/x/net/websocket.
 */
export async function watchSocket(exchange: Exchange, upgrade: Upgrade, shown: Representation): Promise<Response> {
  const { deps, resource } = exchange
  checkHandshake(upgrade)
  if (!upgrade.request.headers.origin) throw new StatusError(403, 'Forbidden', 'a WebSocket needs an Origin header: null origin')
  const call = watchCall(exchange, shown)
  const gone = new AbortController()
  upgrade.socket.once('close', () => gone.abort())
  if (deps.stop?.aborted) gone.abort()
  deps.stop?.addEventListener('abort', () => gone.abort(), { once: true, signal: gone.signal })
  try {
    const run = await deps.watches.open(call, gone, (request, signal) => deps.resources.watch(resource, request, signal))
    const [protocol] = upgrade.protocols
    const socket = await acceptWebSocket(upgrade.take(), {
      payloadBytesMax: PAYLOAD_BYTES_MAX,
      ...(protocol !== undefined && { protocol }),
    })
    const sink = new SocketSink(socket, upgrade.socket, deps.env.clock, gone, deps.stop)
    void run(sink)
    return RESPONSE_ALREADY_SENT
  } catch (error) {
    gone.abort()
    throw error
  }
}

class SocketSink implements EventSink {
  readonly #socket: WebSocket
  /** Below the WebSocket: knows when the client has taken what was written. */
  readonly #connection: Duplex
  readonly #clock: Clock
  readonly #gone: AbortController
  readonly #stop: AbortSignal | undefined
  readonly #closed = new AbortController()

  constructor(socket: WebSocket, connection: Duplex, clock: Clock, gone: AbortController, stop: AbortSignal | undefined) {
    this.#socket = socket
    this.#connection = connection
    this.#clock = clock
    this.#gone = gone
    this.#stop = stop
    socket.on('error', () => gone.abort()) // the client broke the protocol; the library closes with the code for it
    socket.once('close', () => {
      this.#closed.abort()
      gone.abort()
    })
    void this.#keepAlive()
  }

  async write(events: readonly string[]): Promise<boolean> {
    if (this.#gone.signal.aborted) return false
    for (const event of events) this.#socket.send(event)
    return !this.#connection.writableNeedDrain || drained(this.#connection, this.#clock, this.#gone.signal)
  }

  async end(last?: string): Promise<void> {
    if (this.#closed.signal.aborted) return
    if (last !== undefined) this.#socket.send(last)
    this.#socket.close(this.#stop?.aborted ? GOING_AWAY : NORMAL_CLOSURE)
    await this.#clock.sleep(STALL_MS_MAX, this.#closed.signal)
    this.#socket.terminate()
  }

  /** Browsers answer pings by themselves; a client that does not answer is gone. */
  async #keepAlive(): Promise<void> {
    let answered = true
    this.#socket.on('pong', () => {
      answered = true
    })
    for (;;) {
      await this.#clock.sleep(PING_MS, this.#gone.signal)
      if (this.#gone.signal.aborted) return
      if (!answered) return this.#socket.terminate()
      answered = false
      this.#socket.ping()
    }
  }
}
