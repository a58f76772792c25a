import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import type { StatusReport } from './link.ts'
import { StatusOutbox } from './status-outbox.ts'

const running = (uid: string, phase: 'Pending' | 'Running' | 'Succeeded'): StatusReport => ({
  type: 'pod-status',
  namespace: 'default',
  name: uid,
  uid,
  status: { phase },
})
const gone = (uid: string): StatusReport => ({ type: 'pod-gone', namespace: 'default', name: uid, uid })
const event = (name: string, count = 1): StatusReport => ({
  type: 'event',
  event: { metadata: { name, namespace: 'default', uid: '', resourceVersion: '', creationTimestamp: '' }, involvedObject: {}, count },
})

/** Runs an outbox whose sends the test answers. */
function harness() {
  const env = simEnv()
  const outbox = new StatusOutbox()
  const sent: (readonly StatusReport[])[] = []
  let answer: (batch: readonly StatusReport[]) => Promise<void> = async () => {}
  const stop = new AbortController()
  const done = outbox.run(
    async (batch) => {
      sent.push(batch)
      await answer(batch)
    },
    env.clock,
    stop.signal,
  )
  return {
    env,
    outbox,
    sent,
    answer: (next: typeof answer) => {
      answer = next
    },
    stop: async () => {
      stop.abort()
      await env.clock.advance(0)
      await done
    },
  }
}

test('what is put is sent once and then forgotten', async () => {
  const { env, outbox, sent, stop } = harness()
  outbox.put(running('a', 'Running'))
  await env.clock.advance(10_000)
  assert.deepEqual(sent, [[running('a', 'Running')]])
  assert.deepEqual(outbox.pending, [])
  await stop()
})

test('the newest status of an object wins, and others keep theirs', () => {
  const outbox = new StatusOutbox()
  outbox.put(running('a', 'Pending'))
  outbox.put(running('b', 'Pending'))
  outbox.put(running('a', 'Running'))
  assert.deepEqual(outbox.pending, [running('b', 'Pending'), running('a', 'Running')])
})

test('gone is final: no later status takes its place', () => {
  const outbox = new StatusOutbox()
  outbox.put(running('a', 'Running'))
  outbox.put(gone('a'))
  outbox.put(running('a', 'Succeeded'))
  assert.deepEqual(outbox.pending, [gone('a')])
})

test('a batch that is not taken is sent again, with what became newer meanwhile', async () => {
  const { env, outbox, sent, answer, stop } = harness()
  answer(async () => {
    throw new Error('offline')
  })
  outbox.put(running('a', 'Pending'))
  await env.clock.advance(500)
  outbox.put(running('a', 'Running'))
  answer(async () => {})
  await env.clock.advance(600)
  assert.deepEqual(sent, [[running('a', 'Pending')], [running('a', 'Running')]])
  assert.deepEqual(outbox.pending, [])
  await stop()
})

test('a status that became newer while the older was on its way is sent too', async () => {
  const { env, outbox, sent, answer, stop } = harness()
  answer(() => env.clock.sleep(100))
  outbox.put(running('a', 'Pending'))
  await env.clock.advance(50)
  outbox.put(running('a', 'Running'))
  await env.clock.advance(300)
  assert.deepEqual(sent, [[running('a', 'Pending')], [running('a', 'Running')]])
  await stop()
})

test('batches are bounded', async () => {
  const { env, outbox, sent, stop } = harness()
  for (let i = 0; i < 120; i++) outbox.put(running(`p${i}`, 'Running'))
  await env.clock.advance(10)
  assert.deepEqual(
    sent.map((batch) => batch.length),
    [50, 50, 20],
  )
  await stop()
})

test('events are bounded: the oldest are dropped, statuses never', () => {
  const outbox = new StatusOutbox()
  outbox.put(running('a', 'Running'))
  for (let i = 0; i < 600; i++) outbox.put(event(`e${i}`))
  const pending = outbox.pending
  assert.equal(pending.length, 501)
  assert.deepEqual(pending[0], running('a', 'Running'))
  assert.deepEqual(pending[1], event('e100'))
  assert.deepEqual(pending.at(-1), event('e599'))
})

test('a repeat of an event replaces it', () => {
  const outbox = new StatusOutbox()
  outbox.put(event('e', 1))
  outbox.put(event('e', 2))
  assert.deepEqual(outbox.pending, [event('e', 2)])
})
