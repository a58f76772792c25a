import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EventNames } from './event-names.ts'

test('names of events sort as things happened, within a millisecond and when the clock goes back', () => {
  const chances = [0.9, 0.1, 0.5, 0.2]
  const names = new EventNames(() => chances.shift() ?? 0)
  const given = [1_800_000_000_000, 1_800_000_000_000, 1_700_000_000_000, 1_800_000_000_001].map((nowMs) => names.next('web', nowMs))
  assert.deepEqual([...given].sort(), given)
  assert.equal(new Set(given).size, given.length)
  assert.match(given[0]!, /^web\.18[0-9a-f]{14}$/)
})

test('two who speak of one object at one time differ', () => {
  const [one, other] = [new EventNames(() => 0.25), new EventNames(() => 0.75)]
  assert.notEqual(one.next('web', 1_800_000_000_000), other.next('web', 1_800_000_000_000))
})

test('the name of an event about an object with the longest name is not too long, and stays a name', () => {
  const name = new EventNames(() => 0).next(`${'a'.repeat(235)}-.${'b'.repeat(16)}`, 1_800_000_000_000)
  assert.ok(name.length <= 253)
  assert.match(name, /^a{235}\.[0-9a-f]{16}$/)
})
