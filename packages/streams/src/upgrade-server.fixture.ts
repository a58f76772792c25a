import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { StatusError } from '@bramble/api/status-error'
import type { UpgradeRequest } from './upgrade-request.ts'

/** An HTTP server on the loopback whose upgrades are served by `serve`; what it throws becomes the answer. */
export async function upgradeServer(t: TestContext, serve: (upgrade: UpgradeRequest) => Promise<unknown>): Promise<URL> {
  const server = createServer()
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => {})
    serve(asUpgrade(request, socket as never, head)).catch((error: unknown) => {
      const code = error instanceof StatusError ? error.code : 500
      const text = error instanceof Error ? error.message : String(error)
      socket.end(`HTTP/1.1 ${code} Refused\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
}

const asUpgrade = (request: IncomingMessage, socket: UpgradeRequest['socket'], head: Buffer): UpgradeRequest => ({
  request,
  socket,
  head,
  kind: (request.headers.upgrade ?? '').toLowerCase(),
  protocols: (request.headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== ''),
})
