import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimClock } from '@bramble/reconcile/sim/sim-clock'
import { SlowWork } from './slow-work.ts'

function aWork() {
  const clock = new SimClock()
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  return { clock, work: new SlowWork(clock), promise, resolve, reject }
}

const waited = async <T>(clock: SimClock, result: Promise<T>): Promise<T> => {
  result.catch(() => {})
  await clock.advance(5_000)
  return result
}

test('who asks waits a moment; the work goes on, and is found done', async () => {
  const { clock, work, promise, resolve } = aWork()
  let begun = 0
  const ask = () =>
    work.get('pod/v', 'still busy', () => {
      begun++
      return promise
    })
  await assert.rejects(waited(clock, ask()), /still busy/)
  resolve('done')
  assert.equal(await waited(clock, ask()), 'done')
  assert.equal(begun, 1)
})

test('a failure that nobody waited for is told to the next who asks, who after that begins anew', async () => {
  const { clock, work, promise, reject } = aWork()
  await assert.rejects(
    waited(
      clock,
      work.get('pod/v', 'still busy', () => promise),
    ),
    /still busy/,
  )
  reject(new Error('no such server'))
  await clock.advance(60_000)
  await assert.rejects(
    work.get('pod/v', 'still busy', async () => 'new'),
    /no such server/,
  )
  assert.equal(await work.get('pod/v', 'still busy', async () => 'new'), 'new')
})

test('work of a pod that goes is told to end, and what does not end is told', async () => {
  const { clock, work, promise } = aWork()
  const obedient = work.get(
    'a/v',
    'busy',
    (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })),
  )
  obedient.catch(() => {})
  const deaf = work.get('b/v', 'busy', () => promise)
  deaf.catch(() => {})
  await work.end('a/')
  await assert.rejects(obedient, /the pod is gone/)
  await assert.rejects(waited(clock, work.end('b/')), /^Error: b\/v is still being worked on$/)
})

test('64 pieces of work at once are enough', async () => {
  const { clock, work } = aWork()
  const never = Array.from({ length: 64 }, (_, index) => work.get(`pod/${index}`, 'busy', () => new Promise(() => {})))
  for (const each of never) each.catch(() => {})
  await assert.rejects(
    work.get('pod/more', 'busy', async () => {}),
    /64 volumes are being worked on already/,
  )
  await clock.advance(5_000)
})
