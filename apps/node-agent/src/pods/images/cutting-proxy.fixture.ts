import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

/** A line to a server of loopback that tests cut, stop and count. */
export interface CuttingProxy {
  readonly address: string
  /** Bytes that came from the server, in all. */
  downBytes(): number
  /** First lines of requests that went to the server; plain HTTP only. */
  readonly requests: string[]
  /** Connections to it at this moment. */
  open(): number
  /** Bytes go neither way any more; connections stay. */
  stall(): void
  /** Ends every connection once so many more bytes have come down, and lets none through after that. */
  cutAfter(bytes: number): void
  /** As at the start. */
  mend(): void
}

/** Runs until the test ends, on the same host. */
export async function startProxy(t: Pick<TestContext, 'after'>, address: string): Promise<CuttingProxy> {
  const [host, targetPort] = address.split(':') as [string, string]
  const sockets = new Set<Socket>()
  const requests: string[] = []
  let [down, leftBytes, stalled] = [0, Infinity, false]
  const endAll = (): void => sockets.forEach((socket) => socket.destroy())

  const server = createServer((client) => {
    if (leftBytes <= 0) return void client.destroy()
    const upstream = connect(Number(targetPort), host)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {}) // both ends close
      socket.once('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
      if (stalled) socket.pause()
    }
    client.on('data', (bytes: Buffer) => {
      const line = /^(GET|HEAD) (\S+) HTTP/.exec(bytes.toString('latin1', 0, 300))
      if (line) requests.push(`${line[1]} ${line[2]}`)
      upstream.write(bytes)
    })
    upstream.on('data', (bytes: Buffer) => {
      down += bytes.length
      leftBytes -= bytes.length
      if (leftBytes <= 0) return endAll()
      if (!client.write(bytes)) {
        upstream.pause()
        client.once('drain', () => stalled || upstream.resume())
      }
    })
  }).listen(0, host)
  await once(server, 'listening')
  t.after(() => {
    endAll()
    server.close()
  })
  const { port } = server.address() as { port: number }
  return {
    address: `${host}:${port}`,
    requests,
    downBytes: () => down,
    open: () => sockets.size / 2,
    stall: () => {
      stalled = true
      for (const socket of sockets) socket.pause()
    },
    cutAfter: (bytes) => {
      leftBytes = bytes
    },
    mend: () => {
      ;[leftBytes, stalled] = [Infinity, false]
      for (const socket of sockets) socket.resume()
    },
  }
}
