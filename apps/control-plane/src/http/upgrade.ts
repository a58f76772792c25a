import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { badRequest, statusBody, StatusError, unauthorized } from '@bramble/api/status-error'
import type { Env } from '@bramble/reconcile/env'
import type { Hono } from 'hono'
import type { HttpEnv } from './http-env.ts'

/** A request to turn its connection into something else. The handler that its path leads to takes it, or answers as to any request. */
export class Upgrade {
  readonly request: IncomingMessage
  readonly socket: Duplex
  /** What came after the request's head. */
  readonly head: Buffer
  /** What the client can speak, most wanted first; a token among them is taken out. */
  readonly protocols: readonly string[]
  #taken = false

  constructor(request: IncomingMessage, socket: Duplex, head: Buffer, protocols: readonly string[]) {
    this.request = request
    this.socket = socket
    this.head = head
    this.protocols = protocols
  }

  /** Lower case: `websocket`, `spdy/3.1`. */
  get kind(): string {
    return (this.request.headers.upgrade ?? '').toLowerCase()
  }

  get taken(): boolean {
    return this.#taken
  }

  /** From here on the connection is the caller's: it answers, and it closes. Return RESPONSE_ALREADY_SENT from the handler. */
  take(): { readonly request: IncomingMessage; readonly socket: Duplex; readonly head: Buffer } {
    this.#taken = true
    return this
  }
}

/**
 * Sends each upgrade through the app: paths, authentication and authorization are those of any request, and so are refusals. A
 * handler finds it as `c.env.upgrade`.
 */
export function upgradeHandler(app: Hono<HttpEnv>, env: Env): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
  return (request, socket, head) => {
    socket.on('error', (error) => env.log.debug('an upgraded connection broke', { error: error.message }))
    void answer(app, request, socket, head).catch((error: unknown) => {
      env.log.error('upgrade failed', { error })
      socket.destroy()
    })
  }
}

async function answer(app: Hono<HttpEnv>, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  let upgrade: Upgrade | undefined
  let response: Response
  try {
    const { protocols, token } = offered(request.headers['sec-websocket-protocol'])
    upgrade = new Upgrade(request, socket, head, protocols)
    const bindings = { incoming: request, upgrade } as unknown as HttpEnv['Bindings']
    response = await app.fetch(asRequest(request, token), bindings)
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    response = Response.json(statusBody(error), { status: error.code })
  }
  if (!upgrade?.taken) await writeResponse(socket, response)
}

const TOKEN_PROTOCOL = 'base64url.bearer.authorization.k8s.io.'
const PROTOCOLS_MAX = 32

/**
 * Browsers cannot set headers on a WebSocket, so a bearer token may come as a subprotocol.
 *
 * @throws StatusError 401 for two tokens, or a token and nothing to speak; 400 for more protocols than anybody has.
 * @see Source: apiserver pkg/authentication/request/websocket protocol.go.
 */
export function offered(header: string | undefined): { readonly protocols: readonly string[]; readonly token?: string } {
  const all = (header ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  if (all.length > PROTOCOLS_MAX) throw badRequest(`more than ${PROTOCOLS_MAX} subprotocols are offered`)
  const protocols = all.filter((name) => !name.startsWith(TOKEN_PROTOCOL))
  const tokens = all.filter((name) => name.startsWith(TOKEN_PROTOCOL)).map((name) => name.slice(TOKEN_PROTOCOL.length))
  if (tokens.length === 0) return { protocols }
  const token = decodeToken(tokens[0]!)
  if (tokens.length > 1 || protocols.length === 0 || token === undefined) throw unauthorized()
  return { protocols, token }
}

function decodeToken(encoded: string): string | undefined {
  if (!/^[\w-]+$/.test(encoded)) return undefined
  const token = Buffer.from(encoded, 'base64url').toString('latin1')
  return /^[\x21-\x7e]+$/.test(token) ? token : undefined
}

/** @throws StatusError 400 for a target that is no path. */
function asRequest(request: IncomingMessage, token: string | undefined): Request {
  const headers = new Headers()
  for (let at = 0; at < request.rawHeaders.length; at += 2) {
    const [name, value] = [request.rawHeaders[at]!, request.rawHeaders[at + 1]!]
    if (!/^sec-websocket-protocol$/i.test(name)) headers.append(name, value)
  }
  if (token !== undefined && !headers.has('authorization')) headers.set('authorization', `Bearer ${token}`)
  if (!request.url?.startsWith('/')) throw badRequest('the target of the request is no path')
  try {
    return new Request(`https://localhost${request.url}`, { method: request.method ?? 'GET', headers })
  } catch (error) {
    throw badRequest('the request cannot be understood', { cause: error })
  }
}

/** For a client whose connection stays what it is: the answer, then the end. */
async function writeResponse(socket: Duplex, response: Response): Promise<void> {
  const body = Buffer.from(await response.arrayBuffer())
  const headers = [...response.headers].filter(([name]) => !HOP_BY_HOP.has(name)).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(
    `HTTP/1.1 ${response.status} ${response.statusText}\r\n${headers.join('')}content-length: ${body.length}\r\nconnection: close\r\n\r\n`,
  )
  socket.end(body)
}
const HOP_BY_HOP = new Set(['content-length', 'connection', 'transfer-encoding'])
