import { constants } from 'node:crypto'
import { createSecureServer, type Http2SecureServer, type SecureServerOptions, type ServerHttp2Session } from 'node:http2'
import type { ServerOptions } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'
import type { Clock, Env } from '@bramble/reconcile/env'
import type { HttpEnv } from './http-env.ts'
import { upgradeHandler } from './upgrade.ts'

/** What one client, or all together, may take of us. Tests have smaller ones. */
export interface HttpsLimits {
  /** Open at the same time; one more is closed unheard. */
  readonly connectionsMax: number
  /** From the first byte of a request to the end of its headers (HTTP/1.1). */
  readonly headersMs: number
  /** From the first byte of a request to its last (HTTP/1.1). */
  readonly requestMs: number
  readonly handshakeMs: number
  /** Request line and headers. */
  readonly headerBytes: number
  readonly headersPerRequest: number
  /** Of one HTTP/2 connection at the same time. */
  readonly streamsPerSession: number
  /** Streams that one HTTP/2 connection may reset at once, and then per second: a client that only resets is cut off. */
  readonly resetsAtOnce: number
  readonly resetsPerSecond: number
  /** For what waits to be sent on one HTTP/2 connection. */
  readonly sessionMegabytes: number
}

const LIMITS: HttpsLimits = {
  connectionsMax: 2_000,
  headersMs: 20_000,
  requestMs: 90_000,
  handshakeMs: 15_000,
  headerBytes: 64 * 1024,
  headersPerRequest: 256,
  streamsPerSession: 250,
  resetsAtOnce: 1_000,
  resetsPerSecond: 33,
  sessionMegabytes: 16,
}

/** Go's clients keep idle connections for 90 s: ours must outlive theirs, or requests meet a closing socket. */
const KEEP_ALIVE_MS = 120_000
const IDLE_SESSION_MS_MAX = 300_000
const TCP_PROBE_AFTER_MS = 30_000
/** How long requests under way may take to finish when we stop. */
const STOP_MS_MAX = 5_000
/** Of HTTP/2, each the number after which a connection is closed: settings in one frame, pings unanswered, streams refused, bad frames. */
const SETTINGS_MAX = 32
const PINGS_MAX = 10
const REFUSED_STREAMS_MAX = 100
const BAD_FRAMES_MAX = 100

export interface HttpsOptions {
  readonly app: Hono<HttpEnv>
  /** PEM. */
  readonly cert: string
  readonly key: string
  /** PEM of the authorities whose client certificates count. */
  readonly clientCa: string
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly env: Env
  readonly limits?: Partial<HttpsLimits>
  /** Stops the server: no new requests, a short time for those under way. */
  readonly signal: AbortSignal
}

export interface HttpsServer {
  readonly port: number
  /** Resolves when the last connection is closed. */
  readonly closed: Promise<void>
  /** For new connections, e.g. after a renewal. PEM. */
  setCertificate(cert: string, key: string): void
}

/**
 * HTTP/2 and HTTP/1.1 over TLS on one port. Clients may show a certificate; what it is worth is for the app to say.
 *
 * @returns As soon as it listens.
 * @throws Error that names the address and the flag to change when the port cannot be had.
 */
export async function serveHttps(options: HttpsOptions): Promise<HttpsServer> {
  const { app, host, port, env, signal } = options
  const limits = { ...LIMITS, ...options.limits }
  const server = createSecureServer(serverOptions(options, limits), getRequestListener(app.fetch, { overrideGlobalObjects: false }))
  Object.assign(server, { maxHeadersCount: limits.headersPerRequest }) // of HTTP/1.1
  server.maxConnections = limits.connectionsMax
  const sockets = trackSockets(server)
  server.on('session', (session) => void closeWhenIdle(session, env.clock))
  server.on('upgrade', upgradeHandler(app, env))

  await listen(server, host, port)
  server.on('error', (error) => env.log.error('https server', { error }))
  server.on('tlsClientError', (error) => env.log.debug('TLS handshake failed', { error: error.message }))

  const closed = new Promise<void>((resolve) => server.once('close', () => resolve()))
  const stop = async (): Promise<void> => {
    server.close()
    const done = new AbortController()
    void closed.then(() => done.abort())
    await env.clock.sleep(STOP_MS_MAX, done.signal)
    for (const socket of sockets) socket.destroy()
  }
  if (signal.aborted) void stop()
  signal.addEventListener('abort', () => void stop(), { once: true })
  return {
    port: (server.address() as AddressInfo).port,
    closed,
    setCertificate: (cert, key) => server.setSecureContext(tlsOptions({ ...options, cert, key })),
  }
}

const tlsOptions = ({ cert, key, clientCa }: Pick<HttpsOptions, 'cert' | 'key' | 'clientCa'>): SecureServerOptions => ({
  cert,
  key,
  ca: clientCa,
  minVersion: 'TLSv1.2',
  secureOptions: constants.SSL_OP_NO_TICKET, // each connection proves anew who it is
})

const serverOptions = (options: HttpsOptions, limits: HttpsLimits): SecureServerOptions => ({
  ...tlsOptions(options),
  allowHTTP1: true,
  requestCert: true,
  rejectUnauthorized: false,
  handshakeTimeout: limits.handshakeMs,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: TCP_PROBE_AFTER_MS,
  settings: { maxConcurrentStreams: limits.streamsPerSession, maxHeaderListSize: limits.headerBytes, enablePush: false },
  maxHeaderListPairs: limits.headersPerRequest,
  maxSessionMemory: limits.sessionMegabytes,
  maxSettings: SETTINGS_MAX,
  maxOutstandingPings: PINGS_MAX,
  ...{ maxSessionRejectedStreams: REFUSED_STREAMS_MAX, maxSessionInvalidFrames: BAD_FRAMES_MAX }, // the types lack them
  streamResetBurst: limits.resetsAtOnce,
  streamResetRate: limits.resetsPerSecond,
  ...http1Options(limits),
})

const http1Options = ({ headersMs, requestMs, headerBytes }: HttpsLimits): ServerOptions => ({
  keepAliveTimeout: KEEP_ALIVE_MS,
  headersTimeout: headersMs,
  requestTimeout: requestMs,
  connectionsCheckingInterval: headersMs / 4,
  maxHeaderSize: headerBytes,
})

function listen(server: Http2SecureServer, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(new Error(listenProblem(error, host, port), { cause: error })))
    server.listen(port, host, () => {
      server.removeAllListeners('error')
      resolve()
    })
  })
}

function listenProblem({ code, message }: NodeJS.ErrnoException, host: string, port: number): string {
  if (code === 'EADDRINUSE') return `port ${port} of ${host} is taken by another program: stop it, or choose another port with --api-port`
  if (code === 'EACCES') return `port ${port} may not be opened by this user: choose one above 1023 with --api-port`
  if (code === 'EADDRNOTAVAIL') return `${host} is no address of this machine: choose another with --listen-address`
  return `cannot listen on ${host}:${port}: ${message}`
}

function trackSockets(server: Http2SecureServer): ReadonlySet<Socket> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return sockets
}

/** Closes an HTTP/2 connection on which nothing has happened and nothing is open; watches may be silent for long. */
async function closeWhenIdle(session: ServerHttp2Session, clock: Clock): Promise<void> {
  const closed = new AbortController()
  session.once('close', () => closed.abort())
  let open = 0
  let isUsed = true
  session.on('stream', (stream) => {
    open++
    isUsed = true
    stream.once('close', () => open--)
  })
  while (!closed.signal.aborted) {
    await clock.sleep(IDLE_SESSION_MS_MAX, closed.signal)
    if (open === 0 && !isUsed) session.close()
    isUsed = open > 0
  }
}
