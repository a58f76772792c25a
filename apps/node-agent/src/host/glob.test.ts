import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fitsGlob } from './glob.ts'

for (const [pattern, text, fits] of [
  ['abc', 'abc', true],
  ['abc', 'abcd', false],
  ['*', '', true],
  ['a*c', 'abbc', true],
  ['a*c', 'abbd', false],
  ['*a*b', 'xaxxb', true],
  ['a?c', 'abc', true],
  ['a?c', 'ac', false],
  ['[a-c]x', 'bx', true],
  ['[a-c]x', 'dx', false],
  ['[^a-c]x', 'dx', true],
  ['[abc', '[abc', true],
  ['a.c', 'abc', false],
] as const)
  test(`"${text}" ${fits ? 'fits' : 'does not fit'} ${pattern}`, () => assert.equal(fitsGlob(pattern, text), fits))

test('a pattern of many stars costs no time', () => assert.equal(fitsGlob(`${'*a'.repeat(50_000)}b`, 'a'.repeat(200)), false))
