import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { describe, it } from 'node:test'
import './packet-lengths.ts'
import { parser, writeToStream } from 'mqtt-packet'
import './mqtt-link.ts'

describe('the lengths of packets', () => {
  it('are the ones that MQTT says', async () => {
    for (const length of [0, 1, 100, 127, 128, 129, 300, 16_383, 16_384, 70_000]) {
      const read: number[] = []
      const reader = parser()
      reader.on('packet', (packet) => read.push((packet as unknown as { payload: Buffer }).payload.length))
      for (let times = 0; times < 2; times++) reader.parse(Buffer.concat(written(length)))
      assert.deepEqual(read, [length, length])
    }
  })

  it('are views of one table, and hold no other memory', () => {
    const kept = [200, 500, 1_000, 9_000].map((length) => written(length)[1]!)
    assert.deepEqual(new Set(kept.map(({ buffer }) => buffer)).size, 1)
    assert.equal(kept[0]!.buffer.byteLength, 2 ** 15)
  })
})

/** What the library writes of a message, piece by piece: the second is its length. */
function written(payloadBytes: number): Buffer[] {
  const pieces: Buffer[] = []
  const stream = new Writable({ write: (piece: Buffer, _, done) => done(void pieces.push(piece)) })
  const packet = { cmd: 'publish', topic: 't', payload: Buffer.alloc(payloadBytes, 1), qos: 0, dup: false, retain: false } as const
  writeToStream(packet, stream)
  stream.uncork()
  return pieces
}
