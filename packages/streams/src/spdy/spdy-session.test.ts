import assert from 'node:assert/strict'
import { type Duplex, duplexPair } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { setImmediate as turn } from 'node:timers/promises'
import { test, type TestContext } from 'node:test'
import { systemClock } from '@bramble/reconcile/env'
import { seeded } from '@bramble/reconcile/sim/seeded'
import { encodeFrame } from './frames.ts'
import { HeaderWriter } from './header-block.ts'
import { SpdySession, type SessionOptions } from './spdy-session.ts'
import type { SpdyStream } from './spdy-stream.ts'

const clock = systemClock
const named = (name: string): ReadonlyMap<string, string> => new Map([['streamtype', name]])

function pair(t: TestContext, onStream: (stream: SpdyStream) => void, options: Partial<SessionOptions> = {}) {
  const [near, far] = duplexPair()
  const client = new SpdySession(near, { side: 'client', clock })
  const server = new SpdySession(far, { side: 'server', clock, onStream, ...options })
  t.after(() => {
    client.destroy()
    server.destroy()
  })
  return { client, server, near, far }
}

test('what goes in comes out, and each direction ends by itself', async (t) => {
  const { client } = pair(t, async (stream) => stream.end(`${stream.headers.get('streamtype')}: ${await text(stream)}`))
  const stream = await client.open(named('echo'))
  stream.end('hello')
  assert.equal(await text(stream), 'echo: hello')
  assert.equal(stream.cutOff, false)
})

test('bytes of many streams arrive in order and whole, however slowly they are read', async (t) => {
  const random = seeded(1)
  const { client } = pair(t, (stream) => void stream.pipe(stream))
  const talk = async (index: number): Promise<void> => {
    const stream = await client.open(named(`${index}`))
    const sent = Buffer.from(Array.from({ length: 100_000 + Math.floor(random() * 400_000) }, () => Math.floor(random() * 256)))
    const writing = (async () => {
      for (let at = 0; at < sent.length; ) {
        const piece = sent.subarray(at, at + 1 + Math.floor(random() * 150_000))
        at += piece.length
        if (!stream.write(piece)) await turn()
      }
      stream.end()
    })()
    const seen: Buffer[] = []
    for await (const bytes of stream) {
      seen.push(bytes)
      if (random() < 0.3) await turn()
    }
    await writing
    assert.ok(Buffer.concat(seen).equals(sent), `stream ${index}`)
  }
  await Promise.all(Array.from({ length: 12 }, (_, index) => talk(index)))
})

test('what came before the connection closed is heard, however long its parts take to read', async (t) => {
  const [near, far] = duplexPair()
  near.on('end', () => near.destroy())
  const session = new SpdySession(near, { side: 'client', clock })
  t.after(() => session.destroy())
  const opening = session.open(named('error'))
  const answer = { type: 'syn-reply', streamId: 1, block: new HeaderWriter().write(new Map()), fin: false } as const
  far.end(Buffer.concat([encodeFrame(answer), encodeFrame({ type: 'data', streamId: 1, bytes: Buffer.from('exit 7'), fin: true })]))
  const stream = await opening
  assert.equal(await text(stream), 'exit 7')
})

test('what came before the connection was reset is heard, also what had to wait', async (t) => {
  const [near, far] = duplexPair()
  const session = new SpdySession(near, { side: 'client', clock })
  t.after(() => session.destroy())
  const opening = [session.open(named('stdout')), session.open(named('error'))]
  const writer = new HeaderWriter()
  const replies = [1, 3].map((streamId) => encodeFrame({ type: 'syn-reply', streamId, block: writer.write(new Map()), fin: false }))
  far.write(Buffer.concat([...replies, encodeFrame({ type: 'data', streamId: 1, bytes: Buffer.alloc(2 << 20), fin: true })]))
  const [stdout, error] = await Promise.all(opening)
  far.write(encodeFrame({ type: 'data', streamId: 3, bytes: Buffer.from('exit 7'), fin: true }))
  await turn()
  near.destroy(new Error('ECONNRESET'))
  assert.equal((await buffer(stdout!)).length, 2 << 20)
  assert.equal(await text(error!), 'exit 7')
  assert.match((await session.ended)?.message ?? '', /ECONNRESET/)
})

test('a connection that closes ends the session, though nobody reads what came', async (t) => {
  const { client, server, near, far } = pair(t, () => {})
  const stream = await client.open(named('stdin'))
  stream.write(Buffer.alloc(8 * 2 ** 20))
  for (let turns = 0; turns < 100; turns++) await turn()
  near.destroy()
  far.destroy()
  await server.ended
})

test('a reader that stands still holds the sender back', async (t) => {
  const streams: SpdyStream[] = []
  const { client, far } = pair(t, (stream) => streams.push(stream))
  const stream = await client.open(named('stdin'))
  let written = 0
  const writing = (async () => {
    for (; written < 8 * 2 ** 20; written += 65_536) await new Promise((resolve) => stream.write(Buffer.alloc(65_536), resolve))
    stream.end()
  })()
  for (let turns = 0; turns < 500; turns++) await turn()
  assert.ok(written < 2 * 2 ** 20, `${written} bytes went out to nobody`)
  assert.ok(far.readableLength < 2 ** 20)
  assert.equal((await buffer(streams[0]!)).length, 8 * 2 ** 20)
  await writing
})

test('a stream that is destroyed is cut off at the other side, the others go on', async (t) => {
  const taken: SpdyStream[] = []
  const { client } = pair(t, (stream) => taken.push(stream))
  const [first, second] = [await client.open(named('a')), await client.open(named('b'))]
  taken[0]!.write('half')
  for (let turns = 0; turns < 5; turns++) await turn()
  taken[0]!.destroy()
  assert.equal(await text(first), 'half')
  assert.equal(first.cutOff, true)
  taken[1]!.end('whole')
  assert.equal(await text(second), 'whole')
})

test('when the connection ends, streams end, writes fail, and nothing can be opened', async (t) => {
  const { client, server, far } = pair(t, () => {})
  const stream = await client.open(named('a'))
  far.destroy()
  client.destroy()
  await Promise.all([client.ended, server.ended])
  assert.equal((await buffer(stream)).length, 0)
  assert.equal(stream.cutOff, true)
  await assert.rejects(client.open(named('b')), /the session is over/)
})

test('streams beyond the limit are refused, and there is room again when one is over', async (t) => {
  const { client } = pair(t, (stream) => void stream.pipe(stream), { streamsMax: 2 })
  const first = await client.open(named('1'))
  await client.open(named('2'))
  await assert.rejects(client.open(named('3')), /refused the stream \(3\)/)
  first.end()
  await text(first)
  await client.open(named('4'))
})

test('opening ends with its signal', async (t) => {
  const [near, far] = duplexPair()
  const client = new SpdySession(near, { side: 'client', clock })
  t.after(() => client.destroy())
  far.resume()
  const opening = client.open(named('a'), AbortSignal.abort(new Error('no time')))
  await assert.rejects(opening, /no time/)
})

const hostile: readonly { readonly name: string; readonly bytes: Buffer; readonly says: RegExp }[] = [
  { name: 'what is not SPDY', bytes: Buffer.from('\xff\xffnonsense!', 'latin1'), says: /SPDY version/ },
  { name: 'headers that are no zlib', bytes: synStream(1, Buffer.from('nonsense')), says: /inflated/ },
  { name: 'a stream with the number of ours', bytes: synStream(2, empty()), says: /a stream 2/ },
  { name: 'a stream number twice', bytes: Buffer.concat([synStream(3, empty()), synStream(3, more())]), says: /a stream 3 after 3/ },
  { name: 'a frame that is cut off', bytes: Buffer.from([0x80, 3, 0]), says: /within a frame/ },
]
for (const { name, bytes, says } of hostile)
  test(`${name} ends the session with a clear error`, async (t) => {
    const { server, near } = bare(t)
    near.end(bytes)
    assert.match(String(await server.ended), says)
  })

test('a peer that asks without end and reads nothing is left', async (t) => {
  const { server, near } = bare(t)
  near.pause()
  const pings = Buffer.concat(Array.from({ length: 200_000 }, () => encodeFrame({ type: 'ping', id: 1 })))
  near.write(pings)
  assert.match(String(await server.ended), /does not read/)
})

test('noise never does more than end the session', async (t) => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = seeded(seed)
    const { server, near } = bare(t)
    near.resume()
    const noise = Array.from({ length: 20 }, () => {
      const body = Buffer.from(Array.from({ length: Math.floor(random() * 30) }, () => Math.floor(random() * 256)))
      const head = Buffer.from([random() < 0.8 ? 0x80 : 0, 3, 0, Math.floor(random() * 10), Math.floor(random() * 4), 0, 0, body.length])
      return Buffer.concat([head, body])
    })
    near.end(Buffer.concat(noise))
    await server.ended
  }
})

function bare(t: TestContext): { readonly server: SpdySession; readonly near: Duplex } {
  const [near, far] = duplexPair()
  near.on('error', () => {})
  const server = new SpdySession(far, { side: 'server', clock, onStream: (stream) => stream.resume() })
  t.after(() => server.destroy())
  return { server, near }
}

function synStream(streamId: number, block: Buffer): Buffer {
  return encodeFrame({ type: 'syn-stream', streamId, block, fin: false, oneWay: false })
}
/** Blocks without headers: the first of a session, and one that follows. */
function empty(): Buffer {
  return Buffer.from('78bbe3c6a7c2000400fbff00000000000000ffff', 'hex')
}
function more(): Buffer {
  return Buffer.from('000400fbff00000000000000ffff', 'hex')
}
