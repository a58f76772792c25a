import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as http2Connect } from 'node:http2'
import { test, type TestContext } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { HOST, httpsServer } from '../../apps/control-plane/src/http/https.fixture.ts'

// Frames as no library sends them. Source: RFC 9113 4.1, 6; RFC 7541 for the headers, all from the static table.

const FRAMES_MAX = 20_000
const AT_ONCE = 200
const DATA = 0
const HEADERS = 1
const PRIORITY = 2
const RST_STREAM = 3
const SETTINGS = 4
const PING = 6
const GOAWAY = 7
const WINDOW_UPDATE = 8
const CONTINUATION = 9
const END_STREAM = 1
const END_HEADERS = 4

function frame(type: number, flags: number, stream: number, payload: Uint8Array | readonly number[] = []): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, Buffer.from(payload)])
}
const PREFACE = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(SETTINGS, 0, 0)])
/** `GET / HTTP/2` of the authority `h`. */
const REQUEST = [0x82, 0x87, 0x84, 0x41, 1, 0x68]
const stream = (index: number): number => 2 * index + 1

/** What is sent again and again, and whether it ends the connection or is only answered. */
const floods: readonly (readonly [name: string, ends: boolean, make: (index: number) => Buffer])[] = [
  [
    'streams that are reset at once',
    true,
    (index) =>
      Buffer.concat([frame(HEADERS, END_STREAM | END_HEADERS, stream(index), REQUEST), frame(RST_STREAM, 0, stream(index), [0, 0, 0, 8])]),
  ],
  [
    'headers without an end',
    true,
    (index) => (index === 0 ? frame(HEADERS, END_STREAM, 1, REQUEST) : frame(CONTINUATION, 0, 1, [0, 1, 97, 1, 98])),
  ],
  ['priorities of streams that there are not', true, (index) => frame(PRIORITY, 0, stream(index), [0, 0, 0, 0, 1])],
  ['data without data', true, (index) => (index === 0 ? frame(HEADERS, END_HEADERS, 1, REQUEST) : frame(DATA, 0, 1))],
  ['frames of an unknown type', true, () => frame(99, 0, 0, new Uint8Array(10))],
  ['a frame that is too long', true, () => frame(DATA, 0, 1, new Uint8Array(20_000))],
  ['answers to nothing', true, () => frame(GOAWAY, 0, 0, [0, 0, 0, 0, 0, 0, 0, 1])],
  ['settings', false, (index) => frame(SETTINGS, 0, 0, [0, 4, 0, 1, 0, index & 255])],
  ['pings', false, () => frame(PING, 0, 0, new Uint8Array(8))],
  ['more room for answers that were not asked for', false, () => frame(WINDOW_UPDATE, 0, 0, [0, 0, 0, 1])],
]
for (const [name, ends, make] of floods)
  test(`a flood of ${name} ${ends ? 'ends its connection' : 'is borne'}, and nobody else notices`, async (t) => {
    const server = await httpsServer(t, { limits: { resetsAtOnce: 20, resetsPerSecond: 1 } })
    const socket = await dial(t, server.admin)
    socket.resume()
    assert.equal(await pour(socket, make), ends ? 'ended' : 'open')
    await isAlive(t, server.admin)
  })

for (const [name, make] of [
  ['settings', () => frame(SETTINGS, 0, 0, [0, 4, 0, 1, 0, 1])],
  ['pings', () => frame(PING, 0, 0, new Uint8Array(8))],
] as const)
  test(`${name} of a client that reads no answers do not pile up`, async (t) => {
    const server = await httpsServer(t)
    const socket = await dial(t, server.admin)
    socket.pause()
    const before = process.memoryUsage().rss
    await Promise.race([pour(socket, make, 50 * FRAMES_MAX), isIdle(socket)])
    await isAlive(t, server.admin)
    assert.ok(process.memoryUsage().rss - before < 200e6)
  })

async function dial(t: TestContext, admin: Awaited<ReturnType<typeof httpsServer>>['admin']): Promise<TLSSocket> {
  const socket = connect({ ...admin, ALPNProtocols: ['h2'] })
  socket.on('error', () => {}) // cut off: what was to be shown
  t.after(() => socket.destroy())
  await once(socket, 'secureConnect')
  socket.write(PREFACE)
  return socket
}

/** Sends until the server ends the connection, or enough was sent. */
async function pour(socket: TLSSocket, make: (index: number) => Buffer, framesMax = FRAMES_MAX): Promise<'ended' | 'open'> {
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  for (let index = 0; index < framesMax && !socket.destroyed; ) {
    const many = Array.from({ length: AT_ONCE }, () => make(index++))
    if (!socket.write(Buffer.concat(many))) await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed])
    await new Promise((resolve) => setImmediate(resolve))
  }
  if (!socket.destroyed) await Promise.race([closed, isIdle(socket)])
  return socket.destroyed ? 'ended' : 'open'
}

/** Some turns of the event loop after which nothing more was taken. */
async function isIdle(socket: TLSSocket): Promise<void> {
  for (let quiet = 0, before = -1; quiet < 500; quiet = socket.bytesWritten === before ? quiet + 1 : 0) {
    before = socket.bytesWritten
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function isAlive(t: TestContext, { ca, cert, key, port }: Awaited<ReturnType<typeof httpsServer>>['admin']): Promise<void> {
  const session = http2Connect(`https://${HOST}:${port}`, { ca, cert, key })
  t.after(() => session.destroy())
  const [headers] = await once(session.request({ ':path': '/readyz' }), 'response')
  assert.equal(headers[':status'], 200)
}
