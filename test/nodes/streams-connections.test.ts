import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect, createServer, type Socket } from 'node:net'
import { after, test, type TestContext } from 'node:test'
import { serviceUnavailable } from '@bramble/api/status-error'
import type { ForwardRequest } from '@bramble/link/grpc/stream'
import { silentLog } from '@bramble/reconcile/log'
import { AgentServer } from '../../apps/node-agent/src/server/agent-server.ts'
import { type ServerRoute, textAnswer } from '../../apps/node-agent/src/server/routes.ts'
import type { StreamSources } from '../../apps/node-agent/src/transport/carry-call.ts'
import { anAuthority } from './nodes.fixture.ts'
import { aCertificate, aWire, isStatus, NEVER, POD, readAll } from './streams.fixture.ts'

const pki = await anAuthority({ after })
const pi1 = await aCertificate(pki, 'pi-1')
const LIMIT = { timeout: 20_000 }

/** A node that forwards connections to a TCP server of the test. */
async function withServer(t: TestContext, serve: (socket: Socket) => void) {
  const sockets: Socket[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket.on('error', () => {}))
    serve(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as { port: number }
  const requests: ForwardRequest[] = []
  const forward: StreamSources['forward'] = async (wanted) => {
    requests.push(wanted)
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    await once(socket, 'connect')
    return socket
  }
  const wire = await aWire(t, { pki, node: pi1, sources: { forward } })
  return { ...wire, requests, sockets }
}

test('a forwarded connection carries bytes both ways, and its ends one after the other', LIMIT, async (t) => {
  const { nodeStreams, requests, allCarried } = await withServer(t, (socket) => {
    void readAll(socket).then((text) => socket.end(`got ${text.length}`))
  })
  const connection = await nodeStreams.forward(POD, 8080, NEVER)
  connection.end('x'.repeat(3_000_000))
  assert.equal(await readAll(connection), 'got 3000000')
  await allCarried()
  assert.deepEqual(
    requests.map((each) => ({ ...each })),
    [{ namespace: 'default', pod: 'web', podUid: 'u1', port: 8080 }],
  )
})

test('a server that closes first is heard to the end', LIMIT, async (t) => {
  const { nodeStreams, allCarried } = await withServer(t, (socket) => void socket.end('bye'))
  const connection = await nodeStreams.forward(POD, 80, NEVER)
  assert.equal(await readAll(connection), 'bye')
  connection.end()
  await allCarried()
})

test('a server that resets the connection ends it for the client', LIMIT, async (t) => {
  const { nodeStreams, allCarried } = await withServer(t, (socket) => void socket.once('data', () => socket.resetAndDestroy()))
  const connection = await nodeStreams.forward(POD, 80, NEVER)
  connection.write('x')
  await assert.rejects(readAll(connection), isStatus(503, 'ServiceUnavailable', /ECONNRESET/))
  await allCarried()
})

test('a client that lets go of the connection closes it on the node', LIMIT, async (t) => {
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  const { nodeStreams, allCarried } = await withServer(t, (socket) => void socket.once('close', resolve).once('end', resolve).resume())
  const connection = await nodeStreams.forward(POD, 80, NEVER)
  connection.destroy()
  await closed
  await allCarried()
})

test('a port on which nobody listens is refused in words', LIMIT, async (t) => {
  const forward = () => Promise.reject(serviceUnavailable('dial tcp 127.0.0.1:80: connect: connection refused'))
  const { nodeStreams } = await aWire(t, { pki, node: pi1, sources: { forward } })
  await assert.rejects(nodeStreams.forward(POD, 80, NEVER), isStatus(503, 'ServiceUnavailable', /connection refused/))
})

test('a browser that opens a hundred connections at once gets all its pages', LIMIT, async (t) => {
  const { nodeStreams, cable } = await withServer(t, (socket) => {
    socket.once('data', (head) => socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${head.toString().split(' ')[1]}`))
  })
  const page = async (path: string): Promise<string> => {
    const connection = await nodeStreams.forward(POD, 80, NEVER)
    const asked = request({ path, createConnection: () => connection }).end()
    const [response] = (await once(asked, 'response')) as [AsyncIterable<Uint8Array>]
    return readAll(response)
  }
  const paths = Array.from({ length: 100 }, (_, index) => `/${index}`)
  assert.deepEqual(await Promise.all(paths.map(page)), paths)
  assert.equal(cable.open(), 1)
})

test("the agent's own pages are read through the tunnel, many at once", LIMIT, async (t) => {
  const pages: readonly ServerRoute[] = [
    { path: '/pages/:name', access: 'tunnel', handle: async ({ segments }) => textAnswer(`page ${segments['name']}`) },
  ]
  const server = new AgentServer(pages, silentLog)
  const { nodeStreams, cable } = await aWire(t, { pki, node: pi1, sources: { forward: () => server.connect() } })
  const page = async (name: string): Promise<string> => {
    const connection = await nodeStreams.agent('pi-1', NEVER)
    const asked = request({ path: `/pages/${name}`, createConnection: () => connection }).end()
    const [response] = (await once(asked, 'response')) as [AsyncIterable<Uint8Array>]
    const text = await readAll(response)
    connection.destroy()
    return text
  }
  const names = Array.from({ length: 50 }, (_, index) => `${index}`)
  assert.deepEqual(
    await Promise.all(names.map(page)),
    names.map((name) => `page ${name}`),
  )
  assert.equal(cable.open(), 1)
})
