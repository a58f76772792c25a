import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { SimClock } from '@bramble/reconcile/sim/sim-clock'
import type { HttpContext } from './http-env.ts'
import { RawStream } from './raw-stream.ts'

/** A response whose client takes bytes only when told to. */
class SlowResponse extends Writable {
  readonly sent: string[] = []
  take: () => void = () => {}

  constructor() {
    super({ highWaterMark: 4 })
  }
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.take = () => {
      this.sent.push(chunk.toString())
      done()
    }
  }
  writeHead(status: number): void {
    this.sent.push(String(status))
  }
  flushHeaders(): void {
    this.sent.push('flushed')
  }
}

function harness(stop?: AbortSignal) {
  const clock = new SimClock()
  const response = new SlowResponse()
  return { clock, response, stream: new RawStream({ env: { outgoing: response } } as unknown as HttpContext, clock, stop) }
}

test('headers are on the wire before the first byte', () => {
  const { response, stream } = harness()
  stream.open({ 'content-type': 'text/plain' })
  assert.deepEqual(response.sent, ['200', 'flushed'])
})

test('a write waits for a slow client', async () => {
  const { clock, response, stream } = harness()
  let written: boolean | undefined
  void stream.write('longer than the buffer').then((result) => {
    written = result
  })
  await clock.advance(29_000)
  assert.equal(written, undefined)
  response.take()
  await clock.advance(0)
  assert.deepEqual([written, response.sent], [true, ['longer than the buffer']])
})

test('a client that takes nothing for 30 s is given up, and cut off 30 s later', async () => {
  const { clock, response, stream } = harness()
  const written = stream.write('longer than the buffer')
  await clock.advance(30_000)
  assert.equal(await written, false)
  const ended = stream.end('last words')
  await clock.advance(29_999)
  assert.equal(response.destroyed, false)
  await clock.advance(1)
  await ended
  assert.equal(response.destroyed, true)
})

test('a client that goes away aborts the signal and the write', async () => {
  const { clock, response, stream } = harness()
  const written = stream.write('longer than the buffer')
  response.destroy()
  await clock.advance(0)
  assert.deepEqual([stream.signal.aborted, await written, await stream.write('x')], [true, false, false])
})

test('a server that stops ends its streams', () => {
  const stop = new AbortController()
  const { stream } = harness(stop.signal)
  assert.equal(stream.signal.aborted, false)
  stop.abort()
  assert.equal(stream.signal.aborted, true)
})
