import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '@bramble/reconcile/sim/seeded'
import { FrameMeter } from './frame-limit.ts'

/** An MQTT packet with a body of `length` zeros. */
function frame(length: number): Buffer {
  const head = [0x30]
  for (let left = length; ; left >>= 7) {
    head.push(left < 0x80 ? left : (left & 0x7f) | 0x80)
    if (left < 0x80) return Buffer.concat([Buffer.from(head), Buffer.alloc(length)])
  }
}

test('packets are measured wherever the stream is cut', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seeded(seed)
    const lengths = Array.from({ length: 6 }, () => Math.floor(random() * [2, 200, 20_000][Math.floor(random() * 3)]!))
    const stream = Buffer.concat(lengths.map(frame))
    const meter = new FrameMeter()
    let largest = 0
    for (let at = 0; at < stream.length; ) {
      const size = 1 + Math.floor(random() * 3_000)
      largest = Math.max(largest, meter.largest(stream.subarray(at, at + size)))
      at += size
    }
    assert.equal(largest, Math.max(...lengths), `seed ${seed}`)
  }
})

test('a packet is measured by what it announces, before it has arrived', () => {
  assert.equal(new FrameMeter().largest(frame(5_000_000).subarray(0, 10)), 5_000_000)
})

test('a length of more than four bytes is endless', () => {
  assert.equal(new FrameMeter().largest(Buffer.of(0x30, 0xff, 0xff, 0xff, 0xff, 0x01)), Infinity)
})
