import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalTime } from './go-time.ts'

// biome-ignore format: a table
const stored: readonly (readonly [what: string, given: string, isMicro: boolean, stored: string | undefined])[] = [
  ['UTC', '2020-01-01T00:00:00Z', false, '2020-01-01T00:00:00Z'],
  ['fractions are cut', '2020-01-01T00:00:00.999Z', false, '2020-01-01T00:00:00Z'],
  ['fractions after a comma', '2020-01-01T02:00:00,5Z', false, '2020-01-01T02:00:00Z'],
  ['another zone', '2020-01-01T02:00:00+02:00', false, '2020-01-01T00:00:00Z'],
  ['a zone west of here', '2019-12-31T23:30:00-01:30', false, '2020-01-01T01:00:00Z'],
  ['a leap day', '2020-02-29T00:00:00Z', false, '2020-02-29T00:00:00Z'],
  ['years before our reckoning', '0000-01-01T00:00:00Z', false, '0000-01-01T00:00:00Z'],
  ['the zero time is none', '0001-01-01T00:00:00Z', false, undefined],
  ['six digits', '2020-01-01T00:00:00.123456Z', true, '2020-01-01T00:00:00.123456Z'],
  ['six digits of another zone', '2020-01-01T00:00:00.123456+01:00', true, '2019-12-31T23:00:00.123456Z'],
]
for (const [what, given, isMicro, expected] of stored)
  test(`${what}: ${given} is stored as ${expected}`, () => assert.equal(canonicalTime(given, isMicro), expected))

const LAYOUT = '2006-01-02T15:04:05Z07:00'
const cannot = (given: string, rest: string, element: string, layout = LAYOUT): string =>
  `parsing time "${given}" as "${layout}": cannot parse "${rest}" as "${element}"`
// biome-ignore format: a table
const refused: readonly (readonly [what: string, given: string, isMicro: boolean, message: string])[] = [
  ['nothing', '', false, cannot('', '', '2006')],
  ['no time', 'tomorrow', false, cannot('tomorrow', 'tomorrow', '2006')],
  ['a year alone', '2020', false, cannot('2020', '', '-')],
  ['a month of one digit', '2020-1-01T00:00:00Z', false, cannot('2020-1-01T00:00:00Z', '1-01T00:00:00Z', '01')],
  ['a day alone', '2020-01-01', false, cannot('2020-01-01', '', 'T')],
  ['a space instead of T', '2020-01-01 00:00:00Z', false, cannot('2020-01-01 00:00:00Z', ' 00:00:00Z', 'T')],
  ['no seconds', '2020-01-01T00:00Z', false, cannot('2020-01-01T00:00Z', 'Z', ':')],
  ['no zone', '2020-01-01T00:00:00', false, cannot('2020-01-01T00:00:00', '', 'Z07:00')],
  ['a zone without colon', '2020-01-01T00:00:00+0200', false, cannot('2020-01-01T00:00:00+0200', '+0200', 'Z07:00')],
  ['a small z', '2020-01-01T00:00:00z', false, cannot('2020-01-01T00:00:00z', 'z', 'Z07:00')],
  ['something after it', '2020-01-01T00:00:00Zx', false, 'parsing time "2020-01-01T00:00:00Zx": extra text: "x"'],
  ['a thirteenth month', '2020-13-01T00:00:00Z', false, 'parsing time "2020-13-01T00:00:00Z": month out of range'],
  ['a thirtieth of February', '2020-02-30T00:00:00Z', false, 'parsing time "2020-02-30T00:00:00Z": day out of range'],
  ['a leap day in another year', '2021-02-29T00:00:00Z', false, 'parsing time "2021-02-29T00:00:00Z": day out of range'],
  ['a day zero', '2020-02-00T00:00:00Z', false, 'parsing time "2020-02-00T00:00:00Z": day out of range'],
  ['hour 24', '2020-01-01T24:00:00Z', false, 'parsing time "2020-01-01T24:00:00Z": hour out of range'],
  ['minute 60', '2020-01-01T23:60:00Z', false, 'parsing time "2020-01-01T23:60:00Z": minute out of range'],
  ['a leap second', '2020-01-01T23:59:60Z', false, 'parsing time "2020-01-01T23:59:60Z": second out of range'],
  ['a zone beyond any', '2020-01-01T00:00:00+25:00', false, 'parsing time "2020-01-01T00:00:00+25:00": time zone offset hour out of range'],
  ['letters that are no ASCII', 'é"', false, cannot('\\xc3\\xa9\\"', '\\xc3\\xa9\\"', '2006')],
  ['three digits of six', '2020-01-01T00:00:00.123Z', true, cannot('2020-01-01T00:00:00.123Z', '.123Z', '.000000', '2006-01-02T15:04:05.000000Z07:00')],
  ['seven digits', '2020-01-01T00:00:00.1234567Z', true, cannot('2020-01-01T00:00:00.1234567Z', '7Z', 'Z07:00', '2006-01-02T15:04:05.000000Z07:00')],
]
for (const [what, given, isMicro, message] of refused)
  test(`refuses ${what}`, () => assert.throws(() => canonicalTime(given, isMicro), { name: 'TypeMismatch', message }))

test('every instant is stored as itself', () => {
  const instant = fc.date({ min: new Date('0001-01-02T00:00:00Z'), max: new Date('9999-12-31T00:00:00Z'), noInvalidDate: true })
  fc.assert(
    fc.property(instant, (at) => assert.equal(canonicalTime(at.toISOString(), false), `${at.toISOString().slice(0, 19)}Z`)),
    { seed: 7 },
  )
})
