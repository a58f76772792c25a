import { type IncomingMessage, request } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Clock } from '@bramble/reconcile/env'
import { StatusError, timedOut } from '@bramble/api/status-error'
import { SpdySession, type SessionOptions } from './spdy-session.ts'

const ANSWER_BYTES_MAX = 4096

export interface UpgradeTarget {
  /** `http:` only. */
  readonly url: URL
  /** Instead of the URL's host. */
  readonly socketPath?: string
  /** Of streams: `v4.channel.k8s.io`, `portforward.k8s.io`; the first that the server speaks is taken. */
  readonly protocols: readonly string[]
}

/**
 * Opens a session as client, by an upgrade of HTTP/1.1. @throws StatusError with the server's code and words when it does not upgrade,
 * 502 when it cannot be reached. Aborting `signal` before the answer gives up; it does not end the session afterwards.
 */
export async function openSpdySession(
  target: UpgradeTarget,
  options: Omit<SessionOptions, 'side'>,
  signal: AbortSignal,
): Promise<{ readonly session: SpdySession; readonly protocol: string }> {
  const { response, socket } = await upgraded(target, signal)
  const protocol = response.headers['x-stream-protocol-version']
  const session = new SpdySession(socket, { ...options, side: 'client' })
  return { session, protocol: typeof protocol === 'string' ? protocol : '' }
}

const OPEN_MS = 30_000

/**
 * Opens a session, and in it what `begin` needs. @throws what either throws, the session gone; StatusError 504 when both take more than 30 s.
 * @param begin Its signal aborts at the limit as well.
 */
export async function withSpdySession<T>(
  target: UpgradeTarget,
  clock: Clock,
  signal: AbortSignal,
  begin: (session: SpdySession, opening: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController()
  const done = new AbortController()
  const opening = AbortSignal.any([signal, limit.signal])
  void clock.sleep(OPEN_MS, done.signal).then(() => limit.abort())
  try {
    const { session } = await openSpdySession(target, { clock }, opening)
    try {
      return await begin(session, opening)
    } catch (error) {
      session.destroy()
      throw error
    }
  } catch (error) {
    if (limit.signal.aborted) throw timedOut('the container runtime opens no streams')
    throw error
  } finally {
    done.abort()
  }
}

function upgraded(target: UpgradeTarget, signal: AbortSignal): Promise<{ readonly response: IncomingMessage; readonly socket: Duplex }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ readonly response: IncomingMessage; readonly socket: Duplex }>()
  const { url, socketPath, protocols } = target
  if (url.protocol !== 'http:') throw new StatusError(502, 'InternalError', `streams over ${url.protocol} are not spoken`)
  const asked = request({
    method: 'POST',
    path: `${url.pathname}${url.search}`,
    headers: {
      Host: url.host,
      Connection: 'Upgrade',
      Upgrade: 'SPDY/3.1',
      'X-Stream-Protocol-Version': protocols.join(', '),
      'Content-Length': 0,
    },
    ...(socketPath === undefined ? { host: url.hostname, port: url.port } : { socketPath }),
    agent: false,
    signal,
  })
  asked.on('upgrade', (response, socket, head) => {
    if (head.length > 0) socket.unshift(head)
    resolve({ response, socket })
  })
  asked.on('response', (response) => {
    refusal(response).then(reject, reject)
  })
  asked.on('error', (error) => reject(new StatusError(502, 'InternalError', error.message, undefined, { cause: error })))
  asked.end()
  return promise
}

async function refusal(response: IncomingMessage): Promise<StatusError> {
  let text = ''
  for await (const bytes of response) {
    text += bytes
    if (text.length > ANSWER_BYTES_MAX) break
  }
  const code = response.statusCode ?? 502
  return new StatusError(code < 400 ? 502 : code, 'InternalError', text.trim().slice(0, ANSWER_BYTES_MAX) || `status ${code}`)
}
