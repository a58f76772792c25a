import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as tcpConnect } from 'node:net'
import { test, type TestContext } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { HOST, httpsServer } from '../../apps/control-plane/src/http/https.fixture.ts'

// What clients do to connections, on purpose or not. Each test has limits of its own, small enough to meet.

type Server = Awaited<ReturnType<typeof httpsServer>>

async function dial(t: TestContext, { admin }: Server): Promise<TLSSocket> {
  const socket = connect({ ...admin, ALPNProtocols: ['http/1.1'] })
  t.after(() => socket.destroy())
  socket.on('error', () => {}) // cut off: what was to be shown
  await once(socket, 'secureConnect')
  return socket
}

/** Everything that the server says until it closes. */
const everything = async (socket: TLSSocket): Promise<string> => {
  let said = ''
  socket.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve)) // an error is one way to close
  return said
}

const head = (line: string, ...headers: readonly string[]): string => [`${line} HTTP/1.1`, 'host: h', ...headers, '', ''].join('\r\n')
const LAST = 'connection: close'

async function isAlive(t: TestContext, server: Server): Promise<void> {
  let socket: TLSSocket | undefined
  while (!socket) socket = await dial(t, server).catch(() => undefined) // a connection that we closed may still count for a moment
  socket.write(head('GET /readyz', LAST))
  assert.match(await everything(socket), /^HTTP\/1.1 200 OK\r\n[\s\S]*ok$/)
}

test('headers that trickle in are given up: 408', async (t) => {
  const server = await httpsServer(t, { limits: { headersMs: 100, requestMs: 100 } })
  const socket = await dial(t, server)
  socket.write('GET /readyz HTTP/1.1\r\nhost: h\r\nx-slow: ')
  assert.match(await everything(socket), /^HTTP\/1.1 408 Request Timeout/)
  await isAlive(t, server)
})

test('a body that trickles in is given up: 408 by the connection, 504 by the handler', async (t) => {
  const server = await httpsServer(t, { limits: { headersMs: 100, requestMs: 100 } })
  const socket = await dial(t, server)
  socket.write(`${head('POST /api/v1/namespaces', 'content-type: application/json', 'content-length: 100')}{`)
  assert.match(await everything(socket), /^HTTP\/1.1 408 Request Timeout/)

  const patient = await httpsServer(t)
  const second = await dial(t, patient)
  second.write(`${head('POST /api/v1/namespaces', 'content-type: application/json', 'content-length: 100')}{`)
  let said = ''
  second.on('data', (text: Buffer) => {
    said += text
  })
  while (said === '') await patient.clock.advance(10_000)
  assert.match(said, /^HTTP\/1.1 504 Gateway Timeout[\s\S]*the request body did not arrive within 60 s/)
})

test('a handshake that does not come to an end is given up', async (t) => {
  const server = await httpsServer(t, { limits: { handshakeMs: 50 } })
  const socket = tcpConnect(server.admin.port, HOST)
  await once(socket, 'connect')
  await once(socket.resume(), 'close')
  await isAlive(t, server)
})

test('connections beyond the limit are closed unheard, those that are open go on', async (t) => {
  const server = await httpsServer(t, { limits: { connectionsMax: 2 } })
  const [first] = [await dial(t, server), await dial(t, server)]
  const third = connect({ ...server.admin, ALPNProtocols: ['http/1.1'] })
  third.on('error', () => {})
  await new Promise((resolve) => third.once('close', resolve))
  first!.write(head('GET /readyz', LAST))
  assert.match(await everything(first!), /^HTTP\/1.1 200/)
  await isAlive(t, server)
})

/** A client that is still sending may miss the answer: the connection is closed under its hands. */
const CUT_OFF = /^(HTTP\/1.1 431 |$)/
const refused: readonly (readonly [name: string, sent: string, answer: RegExp])[] = [
  ['70 kB of headers', head('GET /readyz', `x-much: ${'x'.repeat(70_000)}`), CUT_OFF],
  ['a path of 70 kB', head(`GET /api/v1/${'x'.repeat(70_000)}`), CUT_OFF],
  ['300 headers', head('GET /readyz', ...Array.from({ length: 300 }, (_, index) => `x-${index}: 1`)), CUT_OFF],
  ['no HTTP at all', 'hello\r\n\r\n', /^HTTP\/1.1 400 /],
  ['two lengths', head('POST /api/v1/namespaces', 'content-length: 1', 'content-length: 2'), /^HTTP\/1.1 400 /],
  ['a length and chunks', head('POST /api/v1/namespaces', 'content-length: 5', 'transfer-encoding: chunked'), /^HTTP\/1.1 400 /],
  ['a chunk without a size', `${head('POST /api/v1/namespaces', 'transfer-encoding: chunked')}zz\r\n`, /^HTTP\/1.1 400 /],
  ['a line feed in a header', head('GET /readyz', 'x-a: b\rx-c: d'), /^HTTP\/1.1 400 /],
  ['no host', 'GET /readyz HTTP/1.1\r\nconnection: close\r\n\r\n', /^HTTP\/1.1 400 /],
  ['a host that is none', 'GET /readyz HTTP/1.1\r\nhost: a b/c\r\nconnection: close\r\n\r\n', /^HTTP\/1.1 400 /],
  ['broken percent-encoding in the path', head('GET /api/v1/%zz', LAST), /^HTTP\/1.1 400 [\s\S]*"reason":"BadRequest"/],
  ['a path that is no UTF-8', head('GET /api/v1/namespaces/%ff%fe/pods', LAST), /^HTTP\/1.1 400 [\s\S]*"reason":"BadRequest"/],
  ['a query that is no UTF-8', head('GET /api/v1/pods?labelSelector=%ff%fe', LAST), /^HTTP\/1.1 400 [\s\S]*unable to parse requirement/],
  ['a query of percents', head('GET /api/v1/pods?limit=%zz%', LAST), /^HTTP\/1.1 400 [\s\S]*invalid syntax/],
  [
    'an upgrade to nothing we know',
    head('GET /readyz', 'connection: upgrade', 'upgrade: quic'),
    /^HTTP\/1.1 200 [\s\S]*\r\nconnection: close\r\n[\s\S]*ok$/,
  ],
  [
    'an upgrade that is no handshake',
    head('GET /api/v1/pods?watch=1', 'connection: upgrade', 'upgrade: websocket'),
    /^HTTP\/1.1 400 [\s\S]*Sec-WebSocket-Key/,
  ],
  ['an upgrade with POST', head('POST /api/v1/pods', 'connection: upgrade', 'upgrade: websocket'), /^HTTP\/1.1 4\d\d /],
  ['an upgrade of a path that is none', head('GET *', 'connection: upgrade', 'upgrade: websocket'), /^HTTP\/1.1 400 /],
  ['a method of our own', head('BREW /readyz'), /^HTTP\/1.1 400 /],
]
for (const [name, sent, answer] of refused)
  test(`${name} is answered, and the server goes on`, async (t) => {
    const server = await httpsServer(t)
    const socket = await dial(t, server)
    socket.write(sent)
    assert.match(await everything(socket), answer)
    await isAlive(t, server)
  })

test('requests sent all at once are answered in their order', async (t) => {
  const server = await httpsServer(t)
  const socket = await dial(t, server)
  const paths = Array.from({ length: 40 }, (_, index) => `/api/v1/namespaces/n${index}`)
  socket.write([...paths.map((path) => head(`GET ${path}`)), head('GET /readyz', LAST)].join(''))
  const said = await everything(socket)
  assert.deepEqual(
    [...said.matchAll(/namespaces \\"(n\d+)\\" not found/g)].map((match) => match[1]),
    paths.map((path) => path.split('/').at(-1)),
  )
})

test('a client that closes its half still gets its answer; one that is gone leaves nothing', async (t) => {
  const server = await httpsServer(t)
  const half = await dial(t, server)
  half.end(head('GET /readyz', LAST))
  assert.match(await everything(half), /^HTTP\/1.1 200/)

  const leaving = await dial(t, server)
  leaving.write(head('GET /api/v1/pods?watch=true'))
  await once(leaving, 'data')
  leaving.destroy()
  await isAlive(t, server)
})

test('a client that never stops sending after its request is cut off', async (t) => {
  const server = await httpsServer(t)
  const socket = await dial(t, server)
  socket.write(head('POST /api/v1/namespaces', 'content-type: application/json', 'transfer-encoding: chunked'))
  const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
  const pour = (): void => {
    while (!socket.destroyed && socket.write(chunk)) {
      // until it takes no more
    }
  }
  socket.on('drain', pour)
  pour()
  assert.match(await everything(socket), /^(HTTP\/1.1 413 |$)/)
  await isAlive(t, server)
})
