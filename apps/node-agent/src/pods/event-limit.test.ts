import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StatusReport } from '@bramble/link/link'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import { EventLimit } from './event-limit.ts'

const event = (uid: string): StatusReport => ({
  type: 'event',
  event: {
    metadata: { name: 'e', namespace: 'default', uid: '', resourceVersion: '', creationTimestamp: '' },
    involvedObject: { kind: 'Pod', namespace: 'default', name: uid, uid },
  },
})
const accepted = (limit: EventLimit, uids: readonly string[]): number => uids.filter((uid) => limit.accepts(event(uid))).length

test('of one pod only so much is told at once, then one each five minutes', async () => {
  const { clock } = simEnv()
  const limit = new EventLimit(clock)
  assert.equal(accepted(limit, Array(100).fill('loop')), 25)
  await clock.advance(299_000)
  assert.equal(accepted(limit, ['loop']), 0)
  await clock.advance(1_000)
  assert.equal(accepted(limit, ['loop', 'loop']), 1)
})

test('a pod that says too much does not silence the others', () => {
  const limit = new EventLimit(simEnv().clock)
  accepted(limit, Array(1_000).fill('loop'))
  assert.equal(accepted(limit, ['a', 'b', 'c']), 3)
})

test('all pods together fill the link with no more than fifty at once and five each second', async () => {
  const { clock } = simEnv()
  const limit = new EventLimit(clock)
  const many = (): string[] => Array.from({ length: 200 }, (_, index) => `${clock.monotonicMs()}-${index}`)
  assert.equal(accepted(limit, many()), 50)
  await clock.advance(10_000)
  assert.equal(accepted(limit, many()), 50)
  await clock.advance(1_000)
  assert.equal(accepted(limit, many()), 5)
})

test('statuses are always told', () => {
  const limit = new EventLimit(simEnv().clock)
  accepted(limit, Array(1_000).fill('loop'))
  assert.equal(limit.accepts({ type: 'pod-gone', namespace: 'default', name: 'a', uid: 'a' }), true)
})
