import assert from 'node:assert/strict'
import { test } from 'node:test'
import { scaledValue } from './scaled-value.ts'

const cases = [
  { name: 'a count is a count', value: 3, total: 10, round: 'up', expect: 3 },
  { name: 'a count may be text', value: '3', total: 10, round: 'up', expect: 3 },
  { name: 'a surge is rounded up', value: '25%', total: 10, round: 'up', expect: 3 },
  { name: 'what may be missing is rounded down', value: '25%', total: 10, round: 'down', expect: 2 },
  { name: 'percent of nothing is nothing', value: '25%', total: 0, round: 'up', expect: 0 },
  { name: 'more than all is allowed', value: '200%', total: 3, round: 'up', expect: 6 },
  { name: 'exact percentages stay exact', value: '10%', total: 30, round: 'up', expect: 3 },
  { name: 'nonsense counts as nothing', value: 'many', total: 3, round: 'up', expect: 0 },
  { name: 'absent counts as nothing', value: undefined, total: 3, round: 'up', expect: 0 },
] as const

for (const { name, value, total, round, expect } of cases) test(name, () => assert.equal(scaledValue(value, total, round), expect))
