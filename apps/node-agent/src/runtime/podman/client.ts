import { Agent, type IncomingMessage, type OutgoingHttpHeaders, request, type RequestOptions } from 'node:http'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { RuntimeError } from '../runtime.ts'
import type { PodmanService } from './podman-service.ts'

export interface PodmanRequest {
  readonly query?: Readonly<Record<string, string | number | boolean>>
  readonly body?: unknown
  /** Instead of a body: sent as it comes, once. */
  readonly upload?: Readable
  readonly headers?: Readonly<Record<string, string>>
  /** For the whole request, a start of the service included. Default 60 000. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** False: when the connection breaks after it was sent, it is not sent again. */
  readonly repeatable?: boolean
}

/** Podman answered with an error. `message` is the chain of causes in its own words. */
export class PodmanError extends Error {
  override readonly name = 'PodmanError'
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** Podman's remote API over its socket. Starts the service when nobody listens there. Safe to call concurrently. */
export class PodmanClient {
  readonly #service: PodmanService
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS_MAX })

  constructor(service: PodmanService) {
    this.#service = service
  }

  /**
   * One request, its JSON answer.
   *
   * @throws PodmanError when Podman refuses, RuntimeError `RuntimeUnavailable` when it cannot be reached in time.
   */
  async call<T>(method: 'GET' | 'POST' | 'DELETE', path: string, options: PodmanRequest = {}): Promise<T> {
    const timeoutMs = options.timeoutMs ?? REQUEST_MS_MAX
    return this.#within(timeoutMs, `${method} ${path}`, options.signal, async (signal) => {
      const response = await this.#send(method, path, options, signal)
      const text = await textOf(response)
      if (response.statusCode! >= 400) throw errorOf(response.statusCode!, text)
      return (text === '' ? undefined : parsed(text)) as T
    })
  }

  /** Like `call` for an answer that is a row of JSON values, one a line: all of them. */
  async lines<T>(path: string, options: PodmanRequest): Promise<readonly T[]> {
    return this.#within(options.timeoutMs ?? REQUEST_MS_MAX, `POST ${path}`, options.signal, async (signal) => {
      const response = await this.#send('POST', path, options, signal)
      const text = await textOf(response)
      if (response.statusCode! >= 400) throw errorOf(response.statusCode!, text)
      return text
        .split('\n')
        .filter((line) => line.trim() !== '')
        .map((line) => JSON.parse(line) as T)
    })
  }

  /**
   * A request after which the connection carries the streams of a process, whatever Podman says further.
   *
   * @param signal Ends the connection, too.
   * @throws PodmanError when Podman refuses, RuntimeError `RuntimeUnavailable` when it cannot be reached in time.
   */
  async hijack(path: string, options: Pick<PodmanRequest, 'query' | 'body'>, signal: AbortSignal): Promise<Socket> {
    const socket = await this.#within(REQUEST_MS_MAX, `POST ${path}`, signal, async (limit) => {
      const data = options.body === undefined ? undefined : JSON.stringify(options.body)
      const send = (): Promise<Socket | IncomingMessage> =>
        new Promise((resolve, reject) => {
          const outgoing = request({
            ...this.#target('POST', withQuery(path, options.query)),
            agent: false,
            headers: { ...headersOf(data), connection: 'Upgrade', upgrade: 'tcp' },
          })
          const stop = (): void => void outgoing.destroy(limit.reason as Error)
          limit.addEventListener('abort', stop, { once: true })
          const done =
            <T>(then: (value: T) => void) =>
            (value: T): void => {
              limit.removeEventListener('abort', stop)
              then(value)
            }
          outgoing.once('error', done(reject))
          outgoing.once('response', done(resolve))
          outgoing.once('upgrade', (_response, connection: Socket, head: Buffer) => {
            if (head.length > 0) connection.unshift(head)
            done(resolve)(connection)
          })
          outgoing.end(data)
        })
      const answer = await this.#retried(send, limit, false)
      if (answer instanceof Socket) return answer
      throw errorOf(answer.statusCode!, await textOf(answer))
    })
    socket.on('error', () => {}) // its end says it
    const end = (): void => void socket.destroy()
    signal.addEventListener('abort', end, { once: true })
    socket.once('close', () => signal.removeEventListener('abort', end))
    if (signal.aborted) end()
    return socket
  }

  close(): void {
    this.#agent.destroy()
  }

  #send(method: string, path: string, options: PodmanRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const data = options.body === undefined ? undefined : JSON.stringify(options.body)
    const send = (): Promise<IncomingMessage> =>
      new Promise((resolve, reject) => {
        const outgoing = request(
          {
            ...this.#target(method, withQuery(path, options.query)),
            agent: this.#agent,
            signal,
            headers: { ...(options.upload ? { 'content-type': 'application/x-tar' } : headersOf(data)), ...options.headers },
          },
          resolve,
        )
        outgoing.once('error', reject)
        if (options.upload) void pipeline(options.upload, outgoing).catch(reject)
        else outgoing.end(data)
      })
    return this.#retried(send, signal, options.repeatable ?? true)
  }

  #target(method: string, path: string): RequestOptions {
    return { socketPath: this.#service.socketPath, host: 'podman', method, path: `${API_PREFIX}${path}` }
  }

  /** The service may end between two requests: then it is started and asked once more. */
  async #retried<T>(send: () => Promise<T>, signal: AbortSignal, repeatable: boolean): Promise<T> {
    try {
      return await send()
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? ''
      if (signal.aborted || !(NOT_LISTENING.includes(code) || (repeatable && BROKEN.includes(code)))) throw error
      await this.#service.ensure()
      signal.throwIfAborted()
      return send()
    }
  }

  async #within<T>(
    timeoutMs: number,
    what: string,
    caller: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const limit = AbortSignal.timeout(timeoutMs)
    try {
      return await work(caller ? AbortSignal.any([caller, limit]) : limit)
    } catch (error) {
      if (error instanceof PodmanError || error instanceof RuntimeError || caller?.aborted) throw error
      const problem = limit.aborted ? `did not answer within ${timeoutMs} ms` : (error as Error).message
      throw new RuntimeError('RuntimeUnavailable', `podman, ${what}: ${problem}`, { cause: error })
    }
  }
}

const API_PREFIX = '/v4.0.0/libpod'
const REQUEST_MS_MAX = 60_000
const CONNECTIONS_MAX = 8
const ANSWER_BYTES_MAX = 64 << 20
const NOT_LISTENING = ['ENOENT', 'ECONNREFUSED']
const BROKEN = ['ECONNRESET', 'EPIPE']

const headersOf = (data: string | undefined): OutgoingHttpHeaders =>
  data === undefined ? { 'content-length': 0 } : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(data) }

function withQuery(path: string, query: PodmanRequest['query'] = {}): string {
  const text = new URLSearchParams(Object.entries(query).map(([name, value]): [string, string] => [name, String(value)])).toString()
  return text === '' ? path : `${path}?${text}`
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > ANSWER_BYTES_MAX) throw new Error(`the answer is larger than ${ANSWER_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function errorOf(status: number, text: string): PodmanError {
  const body = parsed(text)
  const message = typeof body === 'object' && body !== null && 'message' in body ? String(body.message) : text.trim()
  return new PodmanError(status, message === '' ? `HTTP status ${status}` : message)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text // plain words
  }
}
