import { badRequest } from '@bramble/api/status-error'
import type { WebSocket } from 'ws'
import type { UpgradeRequest } from './upgrade-request.ts'

export interface WebSocketOptions {
  /** The one that both will speak, if the client offered any. It may hold any character: Kubernetes has one with a slash. */
  readonly protocol?: string
  /** A longer message of the client ends the connection with code 1009. */
  readonly payloadBytesMax: number
}

/** Answers the handshake; the connection is the caller's. Check it with `checkHandshake` before. */
export async function acceptWebSocket(
  { request, socket, head }: Pick<UpgradeRequest, 'request' | 'socket' | 'head'>,
  { protocol, payloadBytesMax }: WebSocketOptions,
): Promise<WebSocket> {
  const { WebSocketServer } = await import('ws')
  const server = new WebSocketServer({ noServer: true, maxPayload: payloadBytesMax, perMessageDeflate: false, clientTracking: false })
  delete request.headers['sec-websocket-protocol'] // the library takes no names with a slash
  if (protocol !== undefined) server.on('headers', (headers: string[]) => void headers.push(`Sec-WebSocket-Protocol: ${protocol}`))
  const { promise, resolve, reject } = Promise.withResolvers<WebSocket>()
  const gone = (): void => reject(badRequest('the client is gone'))
  if (socket.destroyed) gone()
  else socket.once('close', gone)
  server.handleUpgrade(request, socket, head, (webSocket) => {
    socket.removeListener('close', gone)
    resolve(webSocket)
  })
  return promise
}
