import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { demultiplex, Frames } from './frames.ts'

const frame = (stream: number, words: string): Buffer => {
  const head = Buffer.alloc(8)
  head[0] = stream
  head.writeUInt32BE(Buffer.byteLength(words), 4)
  return Buffer.concat([head, Buffer.from(words)])
}
const BYTES = Buffer.concat([frame(1, 'one'), frame(2, 'two'), frame(1, ''), frame(1, 'three')])

describe('framed outputs of a process', () => {
  for (const size of [1, 2, 5, 9, 1000])
    it(`are told apart when they come ${size} bytes at a time`, () => {
      const frames = new Frames()
      const seen = { stdout: '', stderr: '' }
      for (let at = 0; at < BYTES.length; at += size)
        for (const { stream, data } of frames.read(BYTES.subarray(at, at + size))) seen[stream] += data.toString()
      assert.deepEqual(seen, { stdout: 'onethree', stderr: 'two' })
    })

  it('end when their source does; what nobody wants is dropped', async () => {
    const [source, stdout] = [new PassThrough(), new PassThrough()]
    const done = demultiplex(source, { stdout })
    source.end(BYTES)
    assert.equal(await text(stdout), 'onethree')
    await done
  })

  it('wait for a slow reader', async () => {
    const [source, stdout] = [new PassThrough({ highWaterMark: 64 }), new PassThrough({ highWaterMark: 64 })]
    const done = demultiplex(source, { stdout })
    let frames = 0
    while (source.write(frame(1, 'x'.repeat(50)))) frames++
    await new Promise(setImmediate)
    while (source.write(frame(1, 'x'.repeat(50)))) frames++
    assert.ok(frames < 10, `${frames} frames were taken in`)
    source.end()
    assert.match(await text(stdout), /^x+$/)
    await done
  })

  it('break with their source', async () => {
    const [source, stdout] = [new PassThrough(), new PassThrough()]
    const done = demultiplex(source, { stdout })
    source.destroy(new Error('connection reset'))
    await done
    assert.equal(stdout.destroyed, true)
  })
})
