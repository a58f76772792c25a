import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { type Duplex, duplexPair, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { StatusError } from '@bramble/api/status-error'
import type { Log } from '@bramble/reconcile/env'
import { Signal } from '@bramble/reconcile/signal'
import { findRoute, type ServerAnswer, type ServerRoute, textAnswer } from './routes.ts'

/** On loopback; connections through the tunnel are counted there. */
const CONNECTIONS_MAX = 64
const REQUEST_LIMIT_MS = 30_000
const KEEPALIVE_MS = 60_000

/**
 * The agent's own HTTP server. Whoever comes through the tunnel was authorized by the API server and sees every page; on the port of
 * the node's loopback, nobody is asked. Nothing of it is loaded before somebody connects or a port is opened.
 */
export class AgentServer {
  readonly #routes: readonly ServerRoute[]
  readonly #log: Log
  readonly #fromTunnel = new WeakSet<Duplex>()
  #server: Promise<Server> | undefined

  constructor(routes: readonly ServerRoute[], log: Log) {
    this.#routes = routes
    this.#log = log
  }

  /** A connection from the tunnel. @returns its other end. */
  async connect(): Promise<Duplex> {
    const server = await this.#open()
    const [client, socket] = duplexPair()
    this.#fromTunnel.add(socket)
    client.once('close', () => socket.destroy())
    socket.once('close', () => client.destroy())
    server.emit('connection', socket)
    return client
  }

  /** Serves on 127.0.0.1 until `signal` aborts; 0: not at all. Never rejects: a port that is taken is a warning. */
  async run(port: number, signal: AbortSignal): Promise<void> {
    const stopped = new Signal().wait(signal)
    if (port === 0) return stopped
    const server = await this.#open()
    server.on('error', (error) =>
      this.#log.warn('the local port cannot be opened; choose another with --local-port, or 0', { port, error }),
    )
    if (!signal.aborted) server.listen({ port, host: '127.0.0.1' })
    await stopped
    server.close()
    server.closeAllConnections()
  }

  /** Where it listens; undefined while it does not. */
  async port(): Promise<number | undefined> {
    const address = (await this.#server)?.address()
    return typeof address === 'object' ? address?.port : undefined
  }

  #open(): Promise<Server> {
    this.#server ??= import('node:http').then(({ createServer }) => {
      const server = createServer({ requestTimeout: REQUEST_LIMIT_MS, keepAliveTimeout: KEEPALIVE_MS }, (request, response) => {
        void this.#serve(request, response)
      })
      server.maxConnections = CONNECTIONS_MAX
      return server
    })
    return this.#server
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    request.resume()
    try {
      const { status = 200, contentType, body } = await this.#answer(request, gone.signal)
      response.writeHead(status, { 'content-type': contentType })
      if (typeof body === 'string' || body instanceof Uint8Array) response.end(body)
      else if (request.method === 'HEAD') response.end()
      else {
        response.flushHeaders()
        await pipeline(Readable.from(body, { objectMode: true, highWaterMark: 1 }), response)
      }
    } catch (error) {
      if (!gone.signal.aborted) this.#log.warn('a page of the node broke off', { path: request.url, error })
      response.destroy()
    }
  }

  async #answer({ method, url = '/', headers, socket }: IncomingMessage, signal: AbortSignal): Promise<ServerAnswer> {
    const { pathname, searchParams } = new URL(url, 'http://node')
    const found = findRoute(this.#routes, pathname)
    if (!found || (found.route.access === 'tunnel' && !this.#fromTunnel.has(socket))) return textAnswer('404 page not found\n', 404)
    if (method !== 'GET' && method !== 'HEAD') return textAnswer('Method Not Allowed\n', 405)
    try {
      return await found.route.handle({ segments: found.segments, query: searchParams, headers, signal })
    } catch (error) {
      if (error instanceof StatusError) return textAnswer(`${error.message}\n`, error.code)
      this.#log.error('a page of the node failed', { path: pathname, error })
      return textAnswer("Internal Server Error; see the agent's own log\n", 500)
    }
  }
}
