import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StreamSlots } from './stream-slots.ts'

test('a user has so many streams and no more, others have theirs', () => {
  const slots = new StreamSlots()
  const mine = Array.from({ length: 200 }, () => slots.take('jane'))
  assert.throws(() => slots.take('jane'), { code: 429, message: '200 streams of user "jane" are open, and there can be no more at once' })
  slots.take('joe')
  mine[0]!()
  mine[0]!() // once counts
  slots.take('jane')
  assert.throws(() => slots.take('jane'), { code: 429 })
})

test('all users together have so many and no more', () => {
  const slots = new StreamSlots()
  const all = Array.from({ length: 500 }, (_, index) => slots.take(`user ${index}`))
  assert.throws(() => slots.take('one more'), { code: 503 })
  all[7]!()
  slots.take('one more')
})
