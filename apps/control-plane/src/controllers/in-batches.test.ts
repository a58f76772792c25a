import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inBatches } from './in-batches.ts'

test('does everything once, in batches that double', async () => {
  const started: number[] = []
  let inFlight = 0
  const batches: number[] = []
  const failures = await inBatches(65, async (index) => {
    started.push(index)
    inFlight++
    await Promise.resolve()
    if (inFlight > 0) batches.push(inFlight)
    inFlight = 0
  })
  assert.deepEqual(failures, [])
  assert.deepEqual(
    started,
    Array.from({ length: 65 }, (_, index) => index),
  )
  assert.deepEqual(batches, [10, 20, 35])
})

test('a failing batch is finished, the next one not begun', async () => {
  const started: number[] = []
  const failures = await inBatches(100, async (index) => {
    started.push(index)
    if (index === 3) throw new Error('quota')
  })
  assert.equal(started.length, 10)
  assert.deepEqual(
    failures.map((error) => (error as Error).message),
    ['quota'],
  )
})
