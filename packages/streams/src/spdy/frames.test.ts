import assert from 'node:assert/strict'
import { test } from 'node:test'
import { constants, deflateSync } from 'node:zlib'
import { seeded } from '@bramble/reconcile/sim/seeded'
import { FrameDecoder } from './frame-decoder.ts'
import { encodeFrame, type Frame } from './frames.ts'
import { HeaderReader, HeaderWriter } from './header-block.ts'
import { SpdyError } from './spdy-error.ts'

type Sent = Exclude<Frame, { type: 'unknown' }>
const block = Buffer.from('block')

const frames: readonly { readonly name: string; readonly frame: Sent; readonly hex: string }[] = [
  {
    name: 'data that ends a stream',
    frame: { type: 'data', streamId: 1, bytes: Buffer.from('hi'), fin: true },
    hex: '00000001 01000002 6869',
  },
  { name: 'data without bytes', frame: { type: 'data', streamId: 3, bytes: Buffer.alloc(0), fin: false }, hex: '00000003 00000000' },
  {
    name: 'a stream that is opened',
    frame: { type: 'syn-stream', streamId: 5, block, fin: false, oneWay: false },
    hex: '80030001 0000000f 00000005 00000000 0000 626c6f636b',
  },
  {
    name: 'a stream that only one side speaks on',
    frame: { type: 'syn-stream', streamId: 5, block, fin: true, oneWay: true },
    hex: '80030001 0300000f 00000005 00000000 0000 626c6f636b',
  },
  { name: 'a reply', frame: { type: 'syn-reply', streamId: 1, block, fin: false }, hex: '80030002 00000009 00000001 626c6f636b' },
  { name: 'a reset', frame: { type: 'rst-stream', streamId: 1, status: 5 }, hex: '80030003 00000008 00000001 00000005' },
  { name: 'settings', frame: { type: 'settings', entries: Buffer.alloc(4) }, hex: '80030004 00000004 00000000' },
  { name: 'a ping', frame: { type: 'ping', id: 7 }, hex: '80030006 00000004 00000007' },
  { name: 'a goodbye', frame: { type: 'goaway', lastStreamId: 9, status: 0 }, hex: '80030007 00000008 00000009 00000000' },
  { name: 'headers later', frame: { type: 'headers', streamId: 1, block, fin: true }, hex: '80030008 01000009 00000001 626c6f636b' },
  { name: 'a window', frame: { type: 'window-update', streamId: 1, delta: 64 }, hex: '80030009 00000008 00000001 00000040' },
]

for (const { name, frame, hex } of frames)
  test(`${name} is written and read`, () => {
    const bytes = encodeFrame(frame)
    assert.equal(bytes.toString('hex'), hex.replaceAll(' ', ''))
    assert.deepEqual([...new FrameDecoder().push(bytes)], [frame])
  })

const refused = [
  { name: 'another version', hex: '80020006 00000004 00000007', says: /SPDY version 2/ },
  { name: 'a ping of the wrong size', hex: '80030006 00000005 0000000700', says: /type 6 has 5 bytes/ },
  { name: 'a stream that is cut short', hex: '80030001 00000004 00000001', says: /type 1 has 4 bytes/ },
  { name: 'a control frame too large', hex: '80030001 00ffffff', says: /control frame of 16777215 bytes/ },
  { name: 'HTTP instead', hex: Buffer.from('\xc7ET / HTTP/1.1', 'latin1').toString('hex'), says: /SPDY version/ },
]
for (const { name, hex, says } of refused)
  test(`refuses ${name}`, () => {
    const push = (): unknown => [...new FrameDecoder().push(Buffer.from(hex.replaceAll(' ', ''), 'hex'))]
    assert.throws(push, (error) => error instanceof SpdyError && says.test(error.message))
  })

test('passes over frames of types that nobody knows', () => {
  assert.deepEqual([...new FrameDecoder().push(Buffer.from('8003002a000000021234', 'hex'))], [{ type: 'unknown', number: 42 }])
})

test('any cut of the bytes gives the same frames', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seeded(seed)
    const sent = Array.from({ length: 1 + Math.floor(random() * 6) }, () => frames[Math.floor(random() * frames.length)]!.frame)
    const bytes = Buffer.concat(sent.map(encodeFrame))
    const decoder = new FrameDecoder()
    const seen: Frame[] = []
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + 1 + Math.floor(random() * 9))
      at += piece.length
      seen.push(...decoder.push(piece))
    }
    assert.deepEqual(joined(seen), joined(sent), `seed ${seed}`)
    assert.ok(decoder.settled, `seed ${seed}`)
  }
})

/** Pieces of one data frame as the frame they came from. */
function joined(frames: readonly Frame[]): readonly Frame[] {
  const whole: Frame[] = []
  for (const frame of frames) {
    const last = whole.at(-1)
    if (frame.type === 'data' && last?.type === 'data' && last.streamId === frame.streamId && !last.fin)
      whole[whole.length - 1] = { ...frame, bytes: Buffer.concat([last.bytes, frame.bytes]) }
    else whole.push(frame)
  }
  return whole
}

test('noise gives frames or an error that says so, never anything else', () => {
  for (let seed = 1; seed <= 500; seed++) {
    const random = seeded(seed)
    const noise = Buffer.from(Array.from({ length: 200 }, () => Math.floor(random() * 256)))
    if (random() < 0.7) noise.set([0x80, 3, 0, Math.floor(random() * 12), 0, 0, 0, Math.floor(random() * 40)])
    try {
      for (const _ of new FrameDecoder().push(noise));
    } catch (error) {
      assert.ok(error instanceof SpdyError, `seed ${seed}: ${error}`)
    }
  }
})

test('headers come out as they went in, block after block', async () => {
  const writer = new HeaderWriter()
  const reader = new HeaderReader()
  for (const headers of [
    new Map([['streamtype', 'error']]),
    new Map(),
    new Map([
      ['Port', '80'],
      ['requestid', '1'],
    ]),
  ]) {
    const lower = new Map([...headers].map(([name, value]) => [name.toLowerCase(), value]))
    assert.deepEqual(await reader.read(writer.write(headers)), lower)
  }
  reader.close()
})

const badBlocks = [
  { name: 'no zlib', block: Buffer.from('nonsense'), says: /cannot be inflated/ },
  { name: 'more names than it has', block: stored('0000000200000001610000000162'), says: /end too early/ },
  { name: 'a name that runs over the end', block: stored('00000001ffffffff61'), says: /end too early/ },
  { name: 'more than it says', block: stored('0000000000'), says: /followed by more/ },
  { name: 'a name twice', block: stored('000000020000000161000000000000000161 00000000'), says: /twice/ },
  {
    name: 'a megabyte in a few bytes',
    block: deflateSync(Buffer.alloc(2 ** 20), { finishFlush: constants.Z_SYNC_FLUSH }),
    says: /more than 65536/,
  },
  { name: 'a hundred thousand names', block: stored('000186a0'), says: /100000 headers/ },
]
for (const { name, block, says } of badBlocks)
  test(`refuses headers with ${name}`, async () => {
    const reader = new HeaderReader()
    await assert.rejects(reader.read(block), (error) => error instanceof SpdyError && says.test(error.message))
    reader.close()
  })

function stored(hex: string): Buffer {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex')
  const length = Buffer.from([bytes.length & 255, bytes.length >> 8, ~bytes.length & 255, (~bytes.length >> 8) & 255])
  return Buffer.concat([Buffer.from('78bbe3c6a7c200', 'hex'), length, bytes, Buffer.from('000000ffff', 'hex')])
}
