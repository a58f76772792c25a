import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import { FailedPods } from './failed-pods.ts'

test('the first failed pod goes at once, the next ones wait longer, after a quiet time it starts anew', async () => {
  const env = simEnv()
  const failed = new FailedPods(env)
  assert.equal(failed.waitMs('a'), 0)
  const waits: number[] = []
  for (let round = 0; round < 4; round++) {
    failed.removed('a')
    waits.push(failed.waitMs('a'))
    await env.clock.advance(failed.waitMs('a'))
    assert.equal(failed.waitMs('a'), 0)
  }
  waits.forEach((waitMs, round) => assert.ok(waitMs > 750 * 2 ** round && waitMs <= 1000 * 2 ** round, `${waitMs} ms after ${round + 1}`))
  assert.equal(failed.waitMs('b'), 0, 'another place does not wait')
  await env.clock.advance(31 * 60_000)
  failed.removed('a')
  assert.ok(failed.waitMs('a') <= 1000)
})
