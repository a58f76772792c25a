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
  /** Of the answer to a request whose first line has this text only so many bytes come. */
  hold(text: string, afterBytes: number): void
  /** Whether one is held. */
  isHolding(): boolean
  /** Ends every connection and lets none through after that. */
  cut(): void
  /** As at the start. */
  mend(): void
}

/** Runs until the test ends, on the same host. */
export async function startProxy(t: Pick<TestContext, 'after'>, address: string): Promise<CuttingProxy> {
  const [host, targetPort] = address.split(':') as [string, string]
  const sockets = new Set<Socket>()
  const requests: string[] = []
  let [down, isCut, stalled, isHolding] = [0, false, false, false]
  let held = { text: '', afterBytes: Infinity }
  const endAll = (): void => sockets.forEach((socket) => socket.destroy())

  const server = createServer((client) => {
    if (isCut) return void client.destroy()
    let heldBytes: number | undefined
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
      if (line) {
        requests.push(`${line[1]} ${line[2]}`)
        heldBytes = held.text !== '' && line[1] === 'GET' && line[2]!.includes(held.text) ? 0 : undefined
      }
      upstream.write(bytes)
    })
    upstream.on('data', (bytes: Buffer) => {
      down += bytes.length
      if (heldBytes !== undefined) heldBytes += bytes.length
      if (heldBytes !== undefined && heldBytes > held.afterBytes) {
        isHolding = true
        return void upstream.pause()
      }
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
    hold: (text, afterBytes) => {
      held = { text, afterBytes }
    },
    isHolding: () => isHolding,
    cut: () => {
      isCut = true
      endAll()
    },
    mend: () => {
      ;[isCut, stalled, isHolding] = [false, false, false]
      held = { text: '', afterBytes: Infinity }
      for (const socket of sockets) socket.resume()
    },
  }
}
