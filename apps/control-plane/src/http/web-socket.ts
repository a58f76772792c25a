import { badRequest } from '@bramble/api/status-error'
import type { WebSocket } from 'ws'
import type { Upgrade } from './upgrade.ts'

/** @throws StatusError 400 when the request is no handshake of a WebSocket. Source: RFC 6455 4.2.1. */
export function checkHandshake({ request: { method, headers }, kind }: Upgrade): void {
  if (kind !== 'websocket') throw badRequest(`the connection cannot become ${JSON.stringify(kind)} here`)
  if (method !== 'GET') throw badRequest('a WebSocket begins with GET')
  if (!/^[+/0-9A-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '')) throw badRequest('missing or invalid Sec-WebSocket-Key')
  if (headers['sec-websocket-version'] !== '13') throw badRequest('missing or unsupported Sec-WebSocket-Version: it must be 13')
}

export interface WebSocketOptions {
  /** The one that both will speak, if the client offered any. It may hold any character: Kubernetes has one with a slash. */
  readonly protocol?: string
  /** A longer message of the client ends the connection with code 1009. */
  readonly payloadBytesMax: number
}

/** Answers the handshake; the connection is the caller's. Check it with {@link checkHandshake} before. */
export async function acceptWebSocket(upgrade: Upgrade, { protocol, payloadBytesMax }: WebSocketOptions): Promise<WebSocket> {
  const { WebSocketServer } = await import('ws')
  const server = new WebSocketServer({ noServer: true, maxPayload: payloadBytesMax, perMessageDeflate: false, clientTracking: false })
  const { request, socket, head } = upgrade.take()
  delete request.headers['sec-websocket-protocol'] // the library takes no names with a slash
  if (protocol !== undefined) server.on('headers', (headers: string[]) => void headers.push(`Sec-WebSocket-Protocol: ${protocol}`))
  return new Promise((resolve, reject) => {
    socket.once('close', () => reject(badRequest('the client is gone')))
    server.handleUpgrade(request, socket, head, resolve)
  })
}
