import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { badRequest, StatusError } from '@bramble/api/status-error'

/** A request to turn its connection into something else. Whoever serves it owns the connection from then on. */
export interface UpgradeRequest {
  readonly request: IncomingMessage
  readonly socket: Duplex
  /** What came after the request's head. */
  readonly head: Buffer
  /** Lower case: `websocket`, `spdy/3.1`. */
  readonly kind: string
  /** Of a WebSocket: what the client can speak, most wanted first. */
  readonly protocols: readonly string[]
}

/** @throws StatusError 400 when the request is no handshake of a WebSocket. Source: RFC 6455 4.2.1. */
export function checkHandshake({ request: { method, headers }, kind }: Pick<UpgradeRequest, 'request' | 'kind'>): void {
  if (kind !== 'websocket') throw badRequest(`the connection cannot become ${JSON.stringify(kind)} here`)
  if (method !== 'GET') throw badRequest('a WebSocket begins with GET')
  if (!/^[+/0-9A-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '')) throw badRequest('missing or invalid Sec-WebSocket-Key')
  if (headers['sec-websocket-version'] !== '13') throw badRequest('missing or unsupported Sec-WebSocket-Version: it must be 13')
}

/**
 * What both will speak: the first of the client's that is served.
 * @throws StatusError 403 when there is none, in the words of apimachinery pkg/util/httpstream Handshake.
 */
export function negotiated(offered: readonly string[], served: readonly string[]): string {
  const found = offered.find((protocol) => served.includes(protocol))
  if (found !== undefined) return found
  const why = `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${served.join(' ')}]`
  throw new StatusError(403, 'Forbidden', why)
}

const PROTOCOL_HEADER = 'X-Stream-Protocol-Version'

/** The protocols of streams that a client of SPDY offers: from one header, or several. */
export function offeredStreamProtocols({ headers }: IncomingMessage): readonly string[] {
  const value = headers[PROTOCOL_HEADER.toLowerCase()] ?? ''
  return (Array.isArray(value) ? value.join(',') : value)
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
}

/** Answers an upgrade to SPDY; the connection carries frames from here on. @param protocol '' says none. */
export function acceptSpdy({ socket, head }: Pick<UpgradeRequest, 'socket' | 'head'>, protocol: string): Duplex {
  const named = protocol === '' ? '' : `${PROTOCOL_HEADER}: ${protocol}\r\n`
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n${named}\r\n`)
  if (head.length > 0) socket.unshift(head)
  return socket
}
