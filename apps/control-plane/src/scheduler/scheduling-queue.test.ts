import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '@bramble/reconcile/sim/seeded'
import { SimClock } from '@bramble/reconcile/sim/sim-clock'
import { SchedulingQueue } from './scheduling-queue.ts'

function harness() {
  const clock = new SimClock()
  const queue = new SchedulingQueue(clock)
  const stop = new AbortController()
  const taken: string[] = []
  const done = (async () => {
    for (let key = await queue.next(stop.signal); key !== undefined; key = await queue.next(stop.signal))
      taken.push(`${key}@${clock.monotonicMs()}`)
  })()
  return {
    clock,
    queue,
    signal: stop.signal,
    taken,
    end: async () => {
      stop.abort()
      await done
    },
  }
}

test('the highest priority first, then the longest waiting', async () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = seeded(seed)
    const { clock, queue, taken, end } = harness()
    const pods = Array.from({ length: 30 }, (_, index) => ({ key: `p${index}`, priority: Math.floor(random() * 4) }))
    for (const { key, priority } of pods) queue.add(key, priority)
    await clock.advance(0)
    const expected = pods.toSorted((a, b) => b.priority - a.priority).map(({ key }) => `${key}@0`) // the sort is stable
    assert.deepEqual(taken, expected, `seed ${seed}`)
    await end()
  }
})

test('a parked pod is tried again when something changes, after 1, 2, 4 … 10 s at the soonest', async () => {
  const { clock, queue, signal, taken, end } = harness()
  queue.add('a', 0)
  await clock.advance(100)
  for (let tries = 0; tries < 5; tries++) {
    queue.park('a', 0)
    for (let changes = 0; changes < 3; changes++) queue.retryParked(signal)
    await clock.advance(20_000)
  }
  assert.deepEqual(taken, ['a@0', 'a@1100', 'a@22100', 'a@44100', 'a@68100', 'a@90100'])
  await end()
})

test('nothing changes, nothing is tried; a change long after the failure is answered at once', async () => {
  const { clock, queue, signal, taken, end } = harness()
  queue.park('a', 0)
  await clock.advance(3_600_000)
  assert.deepEqual(taken, [])
  queue.retryParked(signal)
  await clock.advance(0)
  assert.deepEqual(taken, ['a@3600000'])
  await end()
})

test('a forgotten pod does not come back, from the queue or from its back-off', async () => {
  const { clock, queue, signal, taken, end } = harness()
  queue.park('a', 0)
  queue.retryParked(signal)
  queue.forget('a')
  queue.add('b', 0)
  queue.forget('b')
  await clock.advance(60_000)
  assert.deepEqual(taken, [])
  await end()
})
