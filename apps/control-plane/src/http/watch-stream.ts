import type { Env } from '@bramble/reconcile/env'
import type { JsonObject } from '@bramble/api/object'
import { statusBody } from '@bramble/api/status-error'
import type { WatchEvent, Watching, WatchRequest } from '../api/requests.ts'
import { EventLines, type EventView } from './event-lines.ts'
import { integer, watchRequest } from './list-request.ts'
import type { ApiMetrics, RequestLabels } from '../metrics/api-metrics.ts'
import type { Representation } from './negotiate.ts'
import { RawStream } from './raw-stream.ts'
import { requestLabels } from './request-labels.ts'
import { toStatusError } from './respond.ts'
import type { Exchange } from './routes/exchange.ts'
import { includeObject } from './show.ts'

/** Without `timeoutSeconds` a watch ends at a random time in this range, so that clients do not come back all at once. */
const TIMEOUT_SECONDS_MIN = 1800
const TIMEOUT_SECONDS_MAX = 3600
/** What has gathered is sent in pieces of about this size. */
const PIECE_CHARACTERS = 64 * 1024
const GONE = 410

/** Where a watch's events go: an HTTP response, or a WebSocket. */
export interface EventSink {
  /** Waits while the client is slow. False when writing on is pointless. @param events One event each. */
  write(events: readonly string[]): Promise<boolean>
  /** @param last An event to say before. */
  end(last?: string): Promise<void>
}

/** What a watch asks for, checked. */
export interface WatchCall {
  readonly labels: RequestLabels
  readonly view: EventView
  readonly request: WatchRequest
  readonly timeoutMs: number
}

/** @throws StatusError 400 */
export function watchCall({ deps, query, resource, request, namespace }: Exchange, shown: Representation): WatchCall {
  const asked = watchRequest(query, namespace)
  const ofName = request.name === undefined ? [] : [{ path: 'metadata.name', operator: '=', value: request.name } as const]
  const seconds = TIMEOUT_SECONDS_MIN + deps.env.random() * (TIMEOUT_SECONDS_MAX - TIMEOUT_SECONDS_MIN)
  const timeoutMs = 1000 * (integer(query, 'timeoutSeconds') || seconds)
  return {
    labels: requestLabels('GET', request, query, deps.registry),
    view: { resource, shown, includeObject: includeObject(query) },
    request: { ...asked, fields: [...asked.fields, ...ofName], timeoutMs },
    timeoutMs,
  }
}

/**
 * Runs watches: until the client leaves, time is up, or an ERROR event.
 *
 * What the service refuses at once is thrown; what goes wrong later becomes an ERROR event. A client that does not read keeps
 * nothing in our memory: the service is not asked for more, and answers 410 when it is too far behind.
 */
export class WatchStreams {
  readonly #lines: EventLines
  readonly #env: Env
  readonly #metrics: ApiMetrics

  constructor(env: Env, metrics: ApiMetrics) {
    this.#env = env
    this.#metrics = metrics
    this.#lines = new EventLines(() => env.clock.nowMs())
  }

  /**
   * @param gone Aborts when nobody takes events any more, and is aborted when time is up.
   * @param start Asks the service.
   * @returns What sends the events; when it is known that the service does not refuse.
   * @throws StatusError
   */
  async open(
    { labels, view, request, timeoutMs }: WatchCall,
    gone: Gone,
    start: (request: WatchRequest, signal: AbortSignal) => Watching,
  ): Promise<(sink: EventSink) => Promise<void>> {
    const watching = start(request, gone.signal)
    const events = watching[Symbol.asyncIterator]()
    const first = events.next()
    await refusedAtOnce(first)
    return async (sink) => {
      void this.#env.clock.sleep(timeoutMs, gone.signal).then(() => gone.abort())
      const { encode, close } = this.#lines.open(view)
      const closed = this.#metrics.opened(labels)
      let last: string | undefined
      try {
        for (let next = await first; !next.done; next = await events.next()) {
          const piece = gathered(next.value, watching, encode)
          this.#metrics.watchEvents(labels, piece.length)
          if (next.value.type === 'ERROR' && (next.value.object as JsonObject)['code'] === GONE) this.#metrics.watchExpired(labels)
          if (!(await sink.write(piece))) break
        }
      } catch (error) {
        const status = toStatusError(error)
        if (status.code >= 500) this.#env.log.error('watch failed', { error, resource: view.resource.plural })
        last = encode({ type: 'ERROR', object: statusBody(status) })
      }
      closed()
      close()
      gone.abort()
      await events.return?.()
      await sink.end(last)
    }
  }
}

interface Gone {
  readonly signal: AbortSignal
  abort(): void
}

function gathered(first: WatchEvent, watching: Watching, encode: (event: WatchEvent) => string): readonly string[] {
  const piece = [encode(first)]
  for (let size = piece[0]!.length; size < PIECE_CHARACTERS; size += piece.at(-1)!.length) {
    const more = watching.poll()
    if (!more) break
    piece.push(encode(more))
  }
  return piece
}

/** Gives the service one turn of the event loop to say no while there is still a way to say it. */
async function refusedAtOnce(first: Promise<unknown>): Promise<void> {
  await Promise.race([first.then(() => {}), new Promise<void>((resolve) => setImmediate(resolve))])
}

/** Answers a watch over HTTP: one JSON event per line. Over a WebSocket when the client asks for one. */
export async function watchResponse(exchange: Exchange, shown: Representation): Promise<Response> {
  const { c, deps, resource } = exchange
  if (c.env?.upgrade?.kind === 'websocket') return (await import('./watch-socket.ts')).watchSocket(exchange, c.env.upgrade, shown)
  const call = watchCall(exchange, shown)
  const stream = new RawStream(c, deps.env.clock, deps.stop)
  try {
    const run = await deps.watches.open(call, stream, (request, signal) => deps.resources.watch(resource, request, signal))
    const response = stream.open({ 'content-type': 'application/json', 'cache-control': 'no-cache, private' })
    void run({
      write: (events) => stream.write(`${events.join('\n')}\n`),
      end: (last) => stream.end(last && `${last}\n`),
    })
    return response
  } catch (error) {
    stream.abort()
    throw error
  }
}
