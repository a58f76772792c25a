import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { systemClock } from '@bramble/reconcile/env'
import { createWebSocketStream, WebSocket } from 'ws'
import { SpdySession } from '../spdy/spdy-session.ts'
import type { SpdyStream } from '../spdy/spdy-stream.ts'
import { openSpdySession } from '../spdy/spdy-upgrade.ts'
import { upgradeServer } from '../upgrade-server.fixture.ts'
import { connectPort } from './connect-port.ts'
import { servePortForward } from './serve-port-forward.ts'

const clock = systemClock
const never = new AbortController().signal

/** A TCP server on the loopback. */
async function listening(t: TestContext, serve: (socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {})
    t.after(() => socket.destroy())
    serve(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}
const echo = (t: TestContext): Promise<number> => listening(t, (socket) => void socket.pipe(socket))

/** Resolves when its one connection is cut, not only ended: what is said after the end meets nobody. */
async function cuttable(t: TestContext): Promise<{ readonly port: number; readonly cut: Promise<void> }> {
  const { promise: cut, resolve } = Promise.withResolvers<void>()
  const port = await listening(t, (socket) => {
    socket.on('close', resolve).resume()
    socket.on('end', async () => {
      while (!socket.destroyed) {
        socket.write('still there?')
        await turn()
      }
    })
  })
  return { port, cut }
}

async function dial(port: number): Promise<Duplex> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  await once(socket, 'connect')
  return socket
}

const forwarding = (t: TestContext, ports: readonly number[] = [], connecting: (port: number) => Promise<Duplex> = dial): Promise<URL> =>
  upgradeServer(t, (upgrade) => servePortForward(upgrade, { connect: connecting, target: 'pod web, uid 7', ports, clock }))

/** One forwarded connection, as kubectl opens it. */
async function open(session: SpdySession, port: number, id: string): Promise<{ readonly data: SpdyStream; readonly error: SpdyStream }> {
  const headers = (type: string): ReadonlyMap<string, string> =>
    new Map(Object.entries({ streamtype: type, port: `${port}`, requestid: id }))
  const error = await session.open(headers('error'))
  error.end()
  return { error, data: await session.open(headers('data')) }
}

/** A WebSocket whose subprotocol has a name that the library takes for none. */
async function slashedWebSocket(url: URL, protocol: string): Promise<WebSocket> {
  const headers = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': Buffer.alloc(16, 7).toString('base64'),
    'Sec-WebSocket-Protocol': protocol,
  }
  const [response, connection, head] = await once(request(url, { headers }).end(), 'upgrade')
  assert.equal(response.headers['sec-websocket-protocol'], protocol)
  const socket = new WebSocket(null as never, undefined, { autoPong: true }) as WebSocket & {
    _isServer: boolean
    setSocket(...given: unknown[]): void
  }
  socket._isServer = false
  socket.setSocket(connection, head, { maxPayload: 2 ** 24, allowSynchronousEvents: true, skipUTF8Validation: false })
  return socket
}

const ways: readonly { readonly name: string; readonly session: (url: URL) => Promise<SpdySession> }[] = [
  {
    name: 'SPDY',
    session: async (url) => (await openSpdySession({ url, protocols: ['portforward.k8s.io'] }, { clock }, never)).session,
  },
  {
    name: 'SPDY in a WebSocket',
    session: async (url) => {
      const socket = await slashedWebSocket(url, 'SPDY/3.1+portforward.k8s.io')
      return new SpdySession(createWebSocketStream(socket), { side: 'client', clock })
    },
  },
]

for (const { name, session: begin } of ways) {
  test(`${name}: many connections at once, each whole, each end by itself`, async (t) => {
    const port = await echo(t)
    const session = await begin(await forwarding(t))
    t.after(() => session.destroy())
    const talk = async (index: number): Promise<void> => {
      const { data, error } = await open(session, port, `${index}`)
      const sent = `${index} `.repeat(100_000)
      data.end(sent)
      assert.equal(await text(data), sent)
      assert.equal(await text(error), '')
    }
    await Promise.all(Array.from({ length: 20 }, (_, index) => talk(index)))
  })

  test(`${name}: a port where nothing listens is an error of that connection only`, async (t) => {
    const port = await echo(t)
    const session = await begin(await forwarding(t))
    t.after(() => session.destroy())
    const { data, error } = await open(session, 1, 'a')
    assert.match(await text(error), /^error forwarding port 1 to pod web, uid 7: connect ECONNREFUSED/)
    assert.equal(await text(data), '')
    const other = await open(session, port, 'b')
    other.data.end('fine')
    assert.equal(await text(other.data), 'fine')
  })
}

test('a client that resets its stream cuts the connection', async (t) => {
  const { port, cut } = await cuttable(t)
  const session = await ways[0]!.session(await forwarding(t))
  t.after(() => session.destroy())
  const { data } = await open(session, port, 'a')
  data.write('x')
  data.destroy()
  await cut
})

test('a client that vanishes cuts all its connections', async (t) => {
  const { port, cut } = await cuttable(t)
  const session = await ways[0]!.session(await forwarding(t))
  await open(session, port, 'a')
  session.destroy()
  await cut
})

test('a connection that breaks is reset, without a word that would end the others', async (t) => {
  const port = await listening(t, (socket) => void socket.once('data', () => socket.resetAndDestroy()))
  const session = await ways[0]!.session(await forwarding(t))
  t.after(() => session.destroy())
  const { data, error } = await open(session, port, 'a')
  data.write('x')
  assert.equal((await buffer(data)).length, 0)
  assert.equal(data.cutOff, true)
  assert.equal(await text(error), '')
})

const refused: readonly Readonly<Record<string, string>>[] = [
  { streamtype: 'data' },
  { streamtype: 'data', port: 'x' },
  { streamtype: 'data', port: '0' },
  { streamtype: 'data', port: '70000' },
  { port: '80' },
  { streamtype: 'stdin', port: '80' },
]
for (const headers of refused)
  test(`a stream with ${JSON.stringify(headers)} is reset`, async (t) => {
    const session = await ways[0]!.session(await forwarding(t))
    t.after(() => session.destroy())
    const stream = await session.open(new Map(Object.entries(headers)))
    await stream.inputEnded
    assert.equal(stream.cutOff, true)
  })

test('channels: ports are named first, then bytes go both ways', async (t) => {
  const port = await echo(t)
  const url = await forwarding(t, [port, 1])
  const socket = new WebSocket(url, ['v4.channel.k8s.io'])
  const seen = new Map<number, Buffer>()
  const { promise: done, resolve } = Promise.withResolvers<void>()
  socket.on('message', (data: Buffer) => {
    const so = Buffer.concat([seen.get(data[0]!) ?? Buffer.alloc(0), data.subarray(1)])
    seen.set(data[0]!, so)
    if (seen.get(0)?.length === 7 && (seen.get(3)?.length ?? 0) > 2) resolve()
  })
  await once(socket, 'open')
  socket.send(Buffer.concat([Buffer.from([0]), Buffer.from('hello')]))
  await done
  const first = Buffer.from([port & 255, port >> 8])
  assert.deepEqual(seen.get(0), Buffer.concat([first, Buffer.from('hello')]))
  assert.deepEqual(seen.get(1), first)
  assert.deepEqual(seen.get(2), Buffer.from([1, 0]))
  assert.match(seen.get(3)!.toString('latin1', 2), /^error forwarding port 1 to pod web, uid 7: connect ECONNREFUSED/)
  socket.close()
})

test('channels without ports are refused', async (t) => {
  const socket = new WebSocket(await forwarding(t), ['v4.channel.k8s.io'])
  const [, response] = await once(socket, 'unexpected-response')
  assert.deepEqual([response.statusCode, await text(response)], [400, 'query parameter "ports" is required'])
})

test('client: a connection through another streaming server', async (t) => {
  const port = await echo(t)
  const connection = await connectPort({ url: await forwarding(t) }, port, clock, never)
  connection.end('hello')
  assert.equal(await text(connection), 'hello')
})

test('client: what the server cannot reach breaks the connection with its words', async (t) => {
  const connection = await connectPort({ url: await forwarding(t) }, 1, clock, never)
  await assert.rejects(text(connection), /ECONNREFUSED/)
})

test('client: aborting cuts the connection', async (t) => {
  const { port, cut } = await cuttable(t)
  const stop = new AbortController()
  await connectPort({ url: await forwarding(t) }, port, clock, stop.signal)
  stop.abort()
  await cut
})
