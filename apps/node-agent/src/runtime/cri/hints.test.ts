import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '@bramble/reconcile/log'
import { SimClock } from '@bramble/reconcile/sim/sim-clock'
import { CODE, CriClient, CriError } from './cri-client.ts'
import { type EventSource, type Happening, happenings } from './hints.ts'

const END: Happening = { type: 'exit', id: 'c1' }
const refuses = (code: number): EventSource =>
  // biome-ignore lint/correctness/useYield: it is over before the first
  async function* () {
    throw new CriError(code, 'no')
  }

/** What comes within so many seconds of virtual time, and when: `12.0 exit`. */
async function within(seconds: number, sources: readonly EventSource[]): Promise<readonly string[]> {
  const clock = new SimClock()
  const stop = new AbortController()
  const seen: string[] = []
  const startMs = clock.monotonicMs()
  const listening = (async () => {
    for await (const { type } of happenings(new CriClient('/nowhere'), clock, silentLog, stop.signal, sources))
      seen.push(`${((clock.monotonicMs() - startMs) / 1000).toFixed(0)} ${type}`)
  })()
  await clock.advance(seconds * 1000)
  stop.abort()
  await clock.advance(60_000)
  await listening
  return seen
}

test('events come as they are told', async () => {
  const source: EventSource = async function* (_client, signal) {
    yield END
    yield END
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  }
  assert.deepEqual(await within(30, [source]), ['0 exit', '0 exit'])
})

test('a runtime that does not know the first way is asked the second way', async () => {
  let tries = 0
  const second: EventSource = async function* (_client, signal) {
    tries++
    yield END
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  }
  assert.deepEqual(await within(30, [refuses(CODE.unimplemented), second]), ['0 exit'])
  assert.equal(tries, 1)
})

test('where nothing is told, everything is looked at every ten seconds', async () => {
  assert.deepEqual(await within(31, [refuses(CODE.unimplemented)]), ['10 anything', '20 anything', '30 anything'])
})

test('a lost stream is opened again, less and less often, and everything is looked at', async () => {
  assert.deepEqual(await within(36, [refuses(CODE.unavailable)]), [
    '1 anything',
    '3 anything',
    '7 anything',
    '15 anything',
    '25 anything',
    '35 anything',
  ])
})

test('a stream that ends at once is not opened without end', async () => {
  const empty: EventSource = async function* () {}
  assert.ok((await within(60, [empty])).length < 10)
})

test('after an event the next loss is mended soon', async () => {
  let tries = 0
  const source: EventSource = async function* () {
    if (++tries === 4) yield END
    throw new CriError(CODE.unavailable, 'gone')
  }
  assert.deepEqual(await within(9, [source]), ['1 anything', '3 anything', '7 anything', '7 exit', '8 anything'])
})
