import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ByteRange, rangeOf } from './byte-range.ts'

const cases: readonly { readonly header: string | undefined; readonly size?: number; readonly is: ByteRange | 'whole' | 'none' }[] = [
  { header: undefined, is: 'whole' },
  { header: 'bytes=0-', is: { start: 0, end: 1000 } },
  { header: 'bytes=0-0', is: { start: 0, end: 1 } },
  { header: 'bytes=10-19', is: { start: 10, end: 20 } },
  { header: 'bytes=990-5000', is: { start: 990, end: 1000 } },
  { header: 'bytes=999-', is: { start: 999, end: 1000 } },
  { header: 'bytes=1000-', is: 'none' },
  { header: 'bytes=-1', is: { start: 999, end: 1000 } },
  { header: 'bytes=-5000', is: { start: 0, end: 1000 } },
  { header: 'bytes=-0', is: 'none' },
  { header: 'bytes=-', is: 'whole' },
  { header: 'bytes=20-10', is: 'whole' },
  { header: 'bytes=0-1,5-6', is: 'whole' },
  { header: 'lines=0-1', is: 'whole' },
  { header: 'bytes=1e3-', is: 'whole' },
  { header: 'bytes=99999999999999999999-', is: 'whole' },
  { header: 'bytes=0-', size: 0, is: 'none' },
]
for (const { header, size = 1000, is } of cases)
  test(`${header} of ${size} bytes is ${JSON.stringify(is)}`, () => assert.deepEqual(rangeOf(header, size), is))
