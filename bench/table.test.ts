import assert from 'node:assert/strict'
import { test } from 'node:test'
import { median, percentile, spread } from './table.ts'

const cases = [
  { name: 'the median of an odd number of values is the middle one', values: [9, 1, 5], share: 0.5, is: 5 },
  { name: 'the median of an even number of values is between the two in the middle', values: [4, 1, 2, 9], share: 0.5, is: 3 },
  { name: 'the lowest and the highest are the ends', values: [4, 1, 2], share: 1, is: 4 },
  { name: 'between two values it is in proportion', values: [0, 10], share: 0.99, is: 9.9 },
]
for (const { name, values, share, is } of cases) test(name, () => assert.equal(percentile(values, share), is))

test('of no values there is no median, and a table says so', () => {
  assert.ok(Number.isNaN(median([])))
  assert.equal(spread([], 2), '–')
  assert.equal(spread([0.25, 1, 0.5], 2), '0.50 (0.25 – 1.00)')
})
