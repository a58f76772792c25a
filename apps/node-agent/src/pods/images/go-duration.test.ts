import assert from 'node:assert/strict'
import { test } from 'node:test'
import { goDuration } from './go-duration.ts'

for (const [ms, text] of [
  [0, '0s'],
  [0.4, '0s'],
  [456.7, '456ms'],
  [1_000, '1s'],
  [1_234, '1.234s'],
  [1_200, '1.2s'],
  [60_000, '1m0s'],
  [63_250, '1m3.25s'],
  [3_600_000, '1h0m0s'],
  [3_723_004, '1h2m3.004s'],
] as const)
  test(`${ms} ms are ${text}`, () => assert.equal(goDuration(ms), text))
