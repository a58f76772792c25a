import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

/** Forwards TCP connections, and can cut them. */
export async function aCable(t: TestContext, to: number) {
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    const other = connect({ port: to, host: '127.0.0.1', noDelay: true })
    for (const [one, two] of [
      [socket, other],
      [other, socket],
    ] as const) {
      sockets.add(one)
      one
        .on('error', () => {})
        .on('close', () => {
          sockets.delete(one)
          two.destroy()
        })
      one.pipe(two)
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  t.after(async () => {
    cut()
    server.close()
    await once(server, 'close')
  })
  return { port: (server.address() as { port: number }).port, cut, server, open: () => sockets.size / 2 }
}
