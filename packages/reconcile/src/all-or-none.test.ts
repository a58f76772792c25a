import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allOrNone } from './all-or-none.ts'

const NEVER = new AbortController().signal

/** Runs until it is stopped, and notes that it was. */
const aService =
  (stopped: string[], name: string) =>
  (stop: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const end = (): void => {
        stopped.push(name)
        resolve()
      }
      if (stop.aborted) end()
      stop.addEventListener('abort', end, { once: true })
    })

test('all are stopped when they are told to', async () => {
  const stopped: string[] = []
  const stop = new AbortController()
  const running = allOrNone(stop.signal, [aService(stopped, 'a'), aService(stopped, 'b')])
  assert.deepEqual(stopped, [])
  stop.abort()
  await running
  assert.deepEqual(stopped, ['a', 'b'])
})

test('one fails: the others are stopped first, then its failure is thrown', async () => {
  const stopped: string[] = []
  await assert.rejects(
    allOrNone(NEVER, [aService(stopped, 'a'), () => Promise.reject(new Error('boom')), aService(stopped, 'b')]),
    /^Error: boom$/,
  )
  assert.deepEqual(stopped, ['a', 'b'])
})

test('one throws before it waits for anything: as any other failure', async () => {
  const stopped: string[] = []
  const broken = (): Promise<void> => {
    throw new Error('at once')
  }
  await assert.rejects(allOrNone(NEVER, [broken, aService(stopped, 'a')]), /at once/)
  assert.deepEqual(stopped, ['a'])
})

test('one ends by itself: a program that is half there helps nobody', async () => {
  const stopped: string[] = []
  await allOrNone(NEVER, [aService(stopped, 'a'), () => Promise.resolve()])
  assert.deepEqual(stopped, ['a'])
})

test('two fail: the one that failed first in time is thrown, not one that broke while it was stopped', async () => {
  const second = (stop: AbortSignal): Promise<void> =>
    new Promise((_, reject) => stop.addEventListener('abort', () => reject(new Error('while stopping'))))
  await assert.rejects(allOrNone(NEVER, [second, () => Promise.reject(new Error('the cause'))]), /the cause/)
})

test('who is told to stop before starting starts and stops', async () => {
  const stopped: string[] = []
  await allOrNone(AbortSignal.abort(), [aService(stopped, 'a')])
  assert.deepEqual(stopped, ['a'])
})
