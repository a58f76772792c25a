import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import type { Clock } from '@bramble/reconcile/env'
import { goDuration } from '../container-status.ts'
import { type HttpProbeAnswer, type HttpProbeRequest, PROBE_USER_AGENT, type ProbeDialer } from './probe-dialer.ts'

const NO_REUSE = new HttpAgent({ keepAlive: false })
const BODY_BYTES_MAX = 10 << 10
const REDIRECTS_MAX = 10

/**
 * Probes with this process's own sockets: the host reaches every pod of its node.
 * @see Source: Kubernetes pkg/probe/http, tcp and grpc.
 */
export const socketDialer = (clock: Clock): ProbeDialer => ({
  http: (request, timeoutMs) => {
    const url = new URL(`${request.scheme.toLowerCase()}://${bracketed(request.host)}:${request.port}${request.path}`)
    const tooLate = `Get "${textOf(url)}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`
    return inTime(
      clock,
      timeoutMs,
      () => tooLate,
      (signal) => get(request, url, signal),
    )
  },
  tcp: (host, port, timeoutMs) =>
    inTime(
      clock,
      timeoutMs,
      () => `dial tcp ${bracketed(host)}:${port}: i/o timeout`,
      (signal) => dial(host, port, signal),
    ),
  grpc: (host, port, service, timeoutMs) => {
    const address = `${bracketed(host)}:${port}`
    const within = `within ${goDuration(timeoutMs)}`
    let isConnected = false
    const connected = (): void => {
      isConnected = true
    }
    const tooLate = (): string =>
      isConnected
        ? `timeout: health rpc did not complete ${within}`
        : `timeout: failed to connect service "${address}" ${within}: context deadline exceeded`
    return inTime(clock, timeoutMs, tooLate, async (signal) => {
      const { checkHealth } = await import('./grpc-health.ts') // few pods ask for it
      await checkHealth(address, service, connected, signal)
    })
  },
})

/** @throws Error `tooLate` when the time is over; the work is told to stop then, and not waited for. */
async function inTime<T>(clock: Clock, limitMs: number, tooLate: () => string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const over = new AbortController()
  const done = new AbortController()
  let isOver = false
  const limit = clock.sleep(limitMs, done.signal).then((): never => {
    isOver = true
    over.abort()
    throw new Error(tooLate())
  })
  limit.catch(() => {}) // when nobody races any more
  try {
    return await Promise.race([work(over.signal), limit])
  } catch (error) {
    throw isOver ? new Error(tooLate(), { cause: error }) : error
  } finally {
    done.abort()
    over.abort()
  }
}

const dial = (host: string, port: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal })
    socket.once('connect', () => {
      socket.destroy()
      resolve()
    })
    socket.once('error', (error) => {
      socket.destroy()
      reject(error.name === 'AbortError' ? error : new Error(dialError(host, port, error), { cause: error }))
    })
  })

async function get(request: HttpProbeRequest, first: URL, signal: AbortSignal): Promise<HttpProbeAnswer> {
  let url = first
  for (let redirects = 0; ; redirects++) {
    const { statusCode, body, location } = await getOnce(request, url, signal)
    if (statusCode < 300 || statusCode >= 400) return { statusCode }
    const next = location === undefined ? undefined : URL.parse(location, url.href)
    if (!next || next.hostname !== first.hostname) return { statusCode, body }
    if (redirects + 1 >= REDIRECTS_MAX) throw new Error(`Get "${textOf(next)}": stopped after ${REDIRECTS_MAX} redirects`)
    url = next
  }
}

function getOnce(
  { headers, userAgent = PROBE_USER_AGENT }: HttpProbeRequest,
  url: URL,
  signal: AbortSignal,
): Promise<{ readonly statusCode: number; readonly body: string; readonly location?: string }> {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
  const options = {
    host,
    port,
    path: `${url.pathname}${url.search}`,
    signal,
    headers: headersOf(headers, userAgent),
    setDefaultHeaders: true,
  }
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void =>
      reject(error.name === 'AbortError' ? error : new Error(`Get "${textOf(url)}": ${dialError(host, port, error)}`, { cause: error }))
    const call =
      url.protocol === 'https:'
        ? httpsRequest({ ...options, rejectUnauthorized: false, agent: false })
        : httpRequest({ ...options, agent: NO_REUSE })
    call.once('response', (response) => {
      const statusCode = response.statusCode ?? 0
      const { location } = response.headers
      readStart(response, statusCode >= 300 && statusCode < 400 ? BODY_BYTES_MAX : 0).then((body) => {
        call.destroy()
        resolve({ statusCode, body, ...(location !== undefined && { location }) })
      }, failed)
    })
    call.on('error', failed)
    call.end()
  })
}

/** Of a longer body the beginning; what breaks off later does not matter. */
async function readStart(response: IncomingMessage, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  response.on('error', () => {}) // the status is all that counts
  if (bytesMax > 0)
    try {
      for await (const chunk of response) {
        chunks.push(chunk as Buffer)
        length += (chunk as Buffer).length
        if (length >= bytesMax) break
      }
    } catch {}
  return Buffer.concat(chunks).toString('utf8', 0, Math.min(length, bytesMax))
}

/** A header that the pod gives wins; an empty User-Agent or Accept leaves it out, as in Kubernetes. */
function headersOf(given: HttpProbeRequest['headers'], userAgent: string): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = { 'user-agent': userAgent, accept: '*/*', connection: 'close' }
  const seen = new Set<string>()
  for (const { name, value } of given) {
    const key = name.toLowerCase()
    const before = headers[key]
    headers[key] = seen.has(key) && before !== undefined ? [before, value].flat() : value
    seen.add(key)
  }
  for (const key of ['user-agent', 'accept']) if (headers[key] === '') delete headers[key]
  return headers
}

/** With its port, also when that is the usual one. */
const textOf = (url: URL): string =>
  `${url.protocol}//${url.hostname}:${url.port || (url.protocol === 'https:' ? 443 : 80)}${url.pathname}${url.search}`

const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host)

/** Connection errors as Go words them, which is what people know from Kubernetes. */
function dialError(host: string, port: number, error: Error): string {
  const words: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'connection refused',
    EHOSTUNREACH: 'no route to host',
    ENETUNREACH: 'network is unreachable',
    ECONNRESET: 'connection reset by peer',
  }
  const word = words[(error as NodeJS.ErrnoException).code ?? '']
  return word === undefined ? error.message : `dial tcp ${bracketed(host)}:${port}: connect: ${word}`
}
