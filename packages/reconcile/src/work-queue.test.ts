import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Reconciler, SETTLED, TerminalError } from './reconciler.ts'
import { SimClock } from './sim/sim-clock.ts'
import { WorkQueue } from './work-queue.ts'

function harness(body: Reconciler<string>['reconcile'], concurrency = 1) {
  const clock = new SimClock()
  const queue = new WorkQueue<string>(clock)
  const runs: string[] = []
  const stop = new AbortController()
  const start = (): Promise<void> =>
    queue.run(
      {
        reconcile: async (key, signal) => {
          runs.push(key)
          return body(key, signal)
        },
      },
      { concurrency, signal: stop.signal },
    )
  return { clock, queue, runs, start, stop }
}

test('a failing key backs off 10, 20, 40 ms and does not hold up others', async () => {
  const times: number[] = []
  const { clock, queue, runs, start, stop } = harness(async (key) => {
    if (key !== 'bad') return SETTLED
    times.push(clock.monotonicMs())
    throw new Error('runtime is down')
  })
  const done = start()
  queue.add('bad')
  queue.add('good')
  await clock.advance(100)
  assert.deepEqual(times, [0, 10, 30, 70])
  assert.equal(runs.filter((key) => key === 'good').length, 1)
  stop.abort()
  await done
})

test('a key added while it is worked on runs exactly once more', async () => {
  const { clock, queue, runs, start, stop } = harness(async () => {
    await clock.sleep(10)
    return SETTLED
  }, 4)
  const done = start()
  queue.add('a')
  await clock.advance(5)
  for (let i = 0; i < 5; i++) queue.add('a')
  await clock.advance(100)
  assert.deepEqual(runs, ['a', 'a'])
  stop.abort()
  await clock.advance(100)
  await done
})

test('a terminal error is not retried until the key is added again', async () => {
  const { clock, queue, runs, start, stop } = harness(async () => {
    throw new TerminalError('no such image')
  })
  const done = start()
  queue.add('a')
  await clock.advance(3_600_000)
  assert.equal(runs.length, 1)
  queue.add('a')
  await clock.advance(1)
  assert.equal(runs.length, 2)
  stop.abort()
  await done
})

test('of several delayed adds the earliest counts, and stopping drops the rest', async () => {
  const { clock, queue, runs, start, stop } = harness(async () => SETTLED)
  const done = start()
  queue.addAfter('a', 100)
  queue.addAfter('a', 20)
  queue.addAfter('a', 50)
  await clock.advance(20)
  assert.deepEqual(runs, ['a'])
  await clock.advance(200)
  assert.deepEqual(runs, ['a'])
  stop.abort()
  await done
})
