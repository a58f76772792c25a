import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { internalError } from '@bramble/api/status-error'
import type { Upgrade } from '../upgrade.ts'
import { type Asked, type Backend, backendConnection, backendRequest, unreachable } from './backend.ts'
import { responseHeaders } from './proxy-headers.ts'

const REFUSAL_BYTES_MAX = 1024 * 1024

/**
 * Turns client's and backend's connection into one, when the backend agrees; what it says otherwise is the answer.
 * @param over Called when all is over, and not when this throws.
 */
export async function proxyUpgrade(
  upgrade: Upgrade,
  backend: Backend,
  { path, search, headers }: Asked,
  over: () => void,
  stop: AbortSignal | undefined,
): Promise<Response> {
  const gone = new AbortController()
  const leave = (): void => gone.abort()
  upgrade.socket.once('close', leave)
  const signal = AbortSignal.any([gone.signal, ...(stop ? [stop] : [])])
  let answer: Answer
  try {
    const connection = await backendConnection(backend, signal)
    const asking = { method: upgrade.request.method ?? 'GET', path: `${path}${search}`, headers: upgradeHeaders(headers, upgrade), signal }
    answer = await answered(backendRequest(connection, asking))
  } catch (error) {
    leave()
    throw unreachable(error)
  }
  if (!answer.connection) {
    const refusal = await refused(answer.response)
    leave()
    over()
    return refusal
  }
  const { socket, head } = upgrade.take()
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines(answer.response.rawHeaders)}\r\n`)
  if (answer.head.length > 0) answer.connection.unshift(answer.head)
  if (head.length > 0) socket.unshift(head)
  void joined(socket, answer.connection, signal).finally(over)
  return RESPONSE_ALREADY_SENT
}

interface Answer {
  readonly response: IncomingMessage
  /** When the backend agreed. */
  readonly connection?: Duplex
  readonly head: Buffer
}

/** Hop by hop, and yet meant for the backend. */
function upgradeHeaders(headers: readonly string[], { request, protocols }: Upgrade): string[] {
  const kept: string[] = []
  for (let at = 0; at < headers.length; at += 2)
    if (headers[at]!.toLowerCase() !== 'sec-websocket-protocol') kept.push(headers[at]!, headers[at + 1]!)
  const spoken = protocols.length > 0 ? ['Sec-WebSocket-Protocol', protocols.join(', ')] : []
  return [...kept, ...spoken, 'Connection', 'Upgrade', 'Upgrade', request.headers.upgrade ?? '']
}

function answered(asked: ClientRequest): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  asked.once('upgrade', (response, connection, head) => resolve({ response, connection, head }))
  asked.once('response', (response) => resolve({ response, head: Buffer.alloc(0) }))
  asked.on('error', reject)
  asked.once('close', () => reject(new Error('the backend closed the connection')))
  asked.end()
  return promise
}

/** @throws StatusError 500 when the backend neither agrees nor refuses. */
async function refused(response: IncomingMessage): Promise<Response> {
  const code = response.statusCode!
  if (code < 400) throw internalError(`invalid upgrade response: status code ${code}`)
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > REFUSAL_BYTES_MAX) break
    chunks.push(chunk)
  }
  const headers = Object.entries(responseHeaders(response.rawHeaders, (location) => location))
  return new Response(Buffer.concat(chunks), {
    status: code,
    headers: headers
      .filter(([name]) => name !== 'content-length')
      .flatMap(([name, values]) => values.map((value): [string, string] => [name, value])),
  })
}

function lines(headers: readonly string[]): string {
  let text = ''
  for (let at = 0; at < headers.length; at += 2) text += `${headers[at]}: ${headers[at + 1]}\r\n`
  return text
}

/** Until either side is closed. */
async function joined(client: Duplex, backend: Duplex, signal: AbortSignal): Promise<void> {
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  backend.on('error', () => {}) // its close follows
  for (const side of [client, backend]) side.once('close', resolve)
  if (signal.aborted) resolve()
  signal.addEventListener('abort', () => resolve(), { once: true })
  client.pipe(backend).pipe(client)
  await closed
  client.destroy()
  backend.destroy()
}
