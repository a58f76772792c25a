import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DOWNLOAD_LIMITS, Slots, STREAM_LIMITS } from './slots.ts'

test('a user has so many streams and no more, others have theirs', () => {
  const slots = new Slots(STREAM_LIMITS)
  const mine = Array.from({ length: 200 }, () => slots.take('jane'))
  assert.throws(() => slots.take('jane'), { code: 429, message: '200 streams of user "jane" are open, and there can be no more at once' })
  slots.take('joe')
  mine[0]!()
  mine[0]!() // once counts
  slots.take('jane')
  assert.throws(() => slots.take('jane'), { code: 429 })
})

test('all users together have so many and no more', () => {
  const slots = new Slots(STREAM_LIMITS)
  const all = Array.from({ length: 500 }, (_, index) => slots.take(`user ${index}`))
  assert.throws(() => slots.take('one more'), { code: 503 })
  all[7]!()
  slots.take('one more')
})

test('an address has so many downloads, and all together theirs', () => {
  const slots = new Slots(DOWNLOAD_LIMITS)
  for (let each = 0; each < 8; each++) slots.take('10.0.0.1')
  assert.throws(() => slots.take('10.0.0.1'), {
    code: 429,
    message: '8 downloads of 10.0.0.1 are under way, and there can be no more at once',
  })
  for (let each = 0; each < 24; each++) slots.take(`10.0.1.${each}`)
  assert.throws(() => slots.take('10.0.2.1'), { code: 503, message: '32 downloads are under way, and there can be no more at once' })
})
