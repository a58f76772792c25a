import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { StatusError } from '@bramble/api/status-error'
import type { Clock, Log } from '@bramble/reconcile/env'
import type { UpgradeRequest } from '@bramble/streams/upgrade-request'
import type { Stdio } from '@bramble/streams/remote-process'
import { type Runtime, RuntimeError } from '../runtime/runtime.ts'
import { StreamTokens } from './stream-tokens.ts'

/** What a caller may have streams of. */
export type Streamed =
  | { readonly type: 'exec'; readonly containerId: string; readonly command: readonly string[]; readonly stdio: Stdio }
  | { readonly type: 'attach'; readonly containerId: string; readonly stdio: Stdio }
  | { readonly type: 'portforward'; readonly sandboxId: string; readonly name: string; readonly ports: readonly number[] }

export interface StreamingOptions {
  readonly runtime: Runtime
  readonly clock: Clock
  readonly log: Log
  /** Of the loopback: who has a URL needs no other right. */
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
}

const STREAMS_MAX = 200
const HEAD_MS_MAX = 10_000
const CONNECTIONS_MAX = STREAMS_MAX + 50

/** Bytes of exec, attach and port-forward, over SPDY and WebSocket, for whoever holds a URL that the CRI calls answered. */
export class StreamingServer {
  readonly #options: StreamingOptions
  readonly #tokens: StreamTokens<Streamed>
  readonly #stop = new AbortController()
  #server: Server | undefined
  #open = 0

  constructor(options: StreamingOptions) {
    this.#options = options
    this.#tokens = new StreamTokens(options.clock)
  }

  /** @throws Error when the address cannot be had. */
  async start(): Promise<void> {
    const server = createServer({ requestTimeout: HEAD_MS_MAX, headersTimeout: HEAD_MS_MAX }, (_request, response) => {
      response.writeHead(404, { 'content-type': 'text/plain', connection: 'close' }).end('streams are asked for with an upgrade\n')
    })
    server.maxConnections = CONNECTIONS_MAX
    server.on('upgrade', (request, socket, head) => void this.#upgraded(request, socket, head))
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.once('error', reject)
    server.listen(this.#options.port, this.#options.host, resolve)
    await promise
    this.#server = server
  }

  /** `127.0.0.1:41935`. */
  get address(): string {
    const { address, port } = this.#server!.address() as AddressInfo
    return `${address}:${port}`
  }

  /** Good for one connection within a minute. @throws CriProblem. */
  urlOf(streamed: Streamed): string {
    return `http://${this.address}/${streamed.type}/${this.#tokens.add(streamed)}`
  }

  /** Ends every stream. */
  async stop(): Promise<void> {
    this.#stop.abort()
    this.#server?.close()
    this.#server?.closeAllConnections()
  }

  async #upgraded(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => {}) // its close says it all
    try {
      if (this.#open >= STREAMS_MAX) throw new StatusError(429, 'TooManyRequests', `more than ${STREAMS_MAX} streams at once`)
      const [, type, token = ''] = /^\/(exec|attach|portforward)\/([\w-]{1,100})$/.exec(request.url ?? '') ?? []
      const streamed = this.#tokens.take(token)
      if (!streamed || streamed.type !== type) throw new StatusError(404, 'NotFound', 'no such stream: its URL is good once, for a minute')
      this.#open++
      try {
        const { ended } = await this.#serve(upgradeOf(request, socket, head), streamed)
        await ended
      } finally {
        this.#open--
      }
    } catch (error) {
      refuse(socket, error)
    }
  }

  async #serve(upgrade: UpgradeRequest, streamed: Streamed): Promise<{ readonly ended: Promise<void> }> {
    const { runtime, clock } = this.#options
    const signal = this.#stop.signal
    if (streamed.type === 'portforward') {
      const { servePortForward } = await import('@bramble/streams/port-forward/serve-port-forward')
      const connect = (port: number, over: AbortSignal): Promise<Duplex> => runtime.openPort(streamed.sandboxId, port, over)
      return servePortForward(upgrade, { connect, target: `pod ${streamed.name}`, ports: streamed.ports, clock, signal })
    }
    const { serveRemoteCommand } = await import('@bramble/streams/remote-command/serve-remote-command')
    const { containerId, stdio } = streamed
    const open =
      streamed.type === 'exec'
        ? (over: AbortSignal) => runtime.openExec(containerId, streamed.command, stdio, over)
        : (over: AbortSignal) => runtime.openAttach(containerId, stdio, over)
    return serveRemoteCommand(upgrade, { stdio, open, clock, signal })
  }
}

const upgradeOf = (request: IncomingMessage, socket: Duplex, head: Buffer): UpgradeRequest => ({
  request,
  socket,
  head,
  kind: (request.headers.upgrade ?? '').toLowerCase(),
  protocols: (request.headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== ''),
})

function refuse(socket: Duplex, error: unknown): void {
  if (socket.destroyed) return
  const code = error instanceof StatusError ? error.code : error instanceof RuntimeError ? 503 : 500
  const text = `${(error as Error).message}\n`
  socket.end(
    `HTTP/1.1 ${code} Refused\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`,
  )
}
