import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runningPart } from './running-part.ts'

test('a part is well from its start to its end, whatever that is', async () => {
  const part = runningPart('scheduler')
  assert.equal(part.check(), 'it does not run')
  const { promise, reject } = Promise.withResolvers<void>()
  const run = part.run(() => promise)(new AbortController().signal)
  assert.equal(part.check(), undefined)
  reject(new Error('broken'))
  await assert.rejects(run, { message: 'broken' })
  assert.equal(part.check(), 'it does not run')
})
