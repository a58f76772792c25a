import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalBase64 } from './go-bytes.ts'

const refused: readonly (readonly [what: string, given: string, byte: number])[] = [
  ['a character that is none', 'hunter2!', 7],
  ['a character inside', 'a!b=', 1],
  ['a space', 'Y Q==', 1],
  ['no padding', 'YQ', 0],
  ['half the padding', 'YQ=', 3],
  ['padding first', '=YQ', 0],
  ['something after the padding', 'YQ==YQ==', 4],
  ['an open group after line breaks', 'YWJj\nYQ', 5],
]
for (const [what, given, byte] of refused)
  test(`refuses ${what}`, () =>
    assert.throws(() => canonicalBase64(given), { name: 'TypeMismatch', message: `illegal base64 data at input byte ${byte}` }))

test('line breaks and loose bits go', () => assert.deepEqual(['YQ==\n', 'Y\r\nQ==', 'YR=='].map(canonicalBase64), ['YQ==', 'YQ==', 'YQ==']))

test('all bytes come back', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const text = Buffer.from(bytes).toString('base64')
      assert.equal(canonicalBase64(text), text)
    }),
    { seed: 7 },
  )
})
