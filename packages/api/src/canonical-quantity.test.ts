import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalQuantity } from './canonical-quantity.ts'
import { quantityValue } from './quantity.ts'

const WRONG_SHAPE = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
const WRONG_SUFFIX = "unable to parse quantity's suffix"

// biome-ignore format: a table
const stored: readonly (readonly [what: string, given: string, stored: string])[] = [
  ['nothing', '0', '0'], ['nothing, several digits', '00', '0'], ['nothing, negative', '-0', '0'], ['nothing, with a suffix', '0Ki', '0'],
  ['nothing, with an exponent', '0e5', '0'], ['a suffix without digits', 'k', '0'], ['a point alone', '.', '0'],
  ['half of one', '0.5', '500m'], ['a tenth', '0.1', '100m'], ['a tenth, long', '0.10', '100m'], ['without whole digits', '.5', '500m'],
  ['less than a thousandth', '0.0001', '100u'], ['a thousandth', '0.001', '1m'], ['a billionth', '1n', '1n'],
  ['less than a billionth, rounded up', '0.5n', '1n'], ['less than a billionth as exponent', '1e-10', '1e-9'],
  ['too fine, rounded up', '0.123456789012', '123456790n'],
  ['whole in thousandths', '1000m', '1'], ['not whole in thousandths', '1500m', '1500m'], ['hundredths', '100e-2', '1'],
  ['a thousand', '1000', '1k'], ['a million', '1000000', '1M'], ['a million and one', '1000001', '1000001'], ['no round number', '1001M', '1001M'],
  ['to the next decimal suffix', '1000k', '1M'], ['and the next', '1000M', '1G'], ['a decimal suffix that divides by 1024', '1024M', '1024M'],
  ['to the next binary suffix', '1024Mi', '1Gi'], ['two steps', '1048576Ki', '1Gi'], ['two of the next', '2048Ki', '2Mi'],
  ['no multiple of 1024', '1000Ki', '1000Ki'], ['an odd one', '1027Mi', '1027Mi'], ['a small binary one', '1Gi', '1Gi'], ['negative', '-1024Mi', '-1Gi'],
  ['1024 without a suffix', '1024', '1024'], ['a binary fraction', '1.5Gi', '1536Mi'], ['a binary fraction below 1024', '0.5Ki', '512'],
  ['a binary fraction that is not whole', '1.1Ki', '1126400m'], ['a fine binary fraction', '12.34567890123Gi', '13256071781925016044n'],
  ['more than an int64 in binary', '9Ei', '9223372036854775807'], ['more than an int64 in decimal', '10E', '10E'], ['more than any suffix', '1000E', '1000E'],
  ['an exponent', '1e3', '1e3'], ['a large E with digits', '1E3', '1E3'], ['a sign in the exponent', '1e+3', '1e+3'], ['E alone', '1E', '1E'],
  ['an exponent to be a multiple of three', '1e4', '10e3'], ['an exponent that is none', '1e2', '100'], ['a negative one', '1e-1', '100e-3'],
  ['an exponent with round digits', '1000e3', '1e6'], ['a great exponent', '1e999999', '1e999999'],
  ['an exponent beyond all suffixes', '1e21', '1e21'], ['thirty digits', '123456789012345678901234567890', '123456789012345678901234567890'],
  ['a plus sign stays', '+5', '+5'], ['leading zeros stay', '005', '005'], ['a point at the end stays', '5.', '5.'], ['three places stay', '1.500', '1.500'],
  ['two places go', '1.50', '1500m'], ['a whole number with places', '100.00', '100'], ['spaces around it', ' 1 ', '1'],
]
for (const [what, given, expected] of stored)
  test(`${what}: ${given} is stored as ${expected}`, () => assert.equal(canonicalQuantity(given), expected))

// biome-ignore format: a table
const refused: readonly (readonly [what: string, given: string, message: string])[] = [
  ['nothing', '', WRONG_SHAPE], ['words', 'many', WRONG_SHAPE], ['a space inside', '64 Mi', WRONG_SHAPE], ['two points', '1.2.3', WRONG_SHAPE],
  ['a fraction in the exponent', '1e3.5', WRONG_SHAPE], ['a letter that no suffix has', '1Xi', WRONG_SHAPE], ['no end', '1'.repeat(1001), WRONG_SHAPE],
  ['a large K', '1K', WRONG_SUFFIX], ['a small k before i', '1ki', WRONG_SUFFIX], ['a suffix twice', '1mm', WRONG_SUFFIX], ['no exponent after e', '1e', WRONG_SUFFIX],
]
for (const [what, given, message] of refused)
  test(`refuses ${what}`, () => assert.throws(() => canonicalQuantity(given), { name: 'QuantityError', message }))

const quantity = fc
  .tuple(
    fc.constantFrom('', '-', '+'),
    fc.bigInt({ min: 0n, max: 10n ** 20n }).map(String),
    fc.oneof(fc.constant(''), fc.stringMatching(/^\.\d{0,9}$/)),
    fc.constantFrom('', 'n', 'u', 'm', 'k', 'M', 'G', 'T', 'Ki', 'Mi', 'Gi', 'Ti', 'e3', 'E-3', 'e5', 'e-2', 'e+7'),
  )
  .map((parts) => parts.join(''))

test('what is stored is stored as it is when it is written back', () => {
  fc.assert(
    fc.property(quantity, (given) => {
      const once = canonicalQuantity(given)
      assert.equal(canonicalQuantity(once), once)
    }),
    { seed: 7, numRuns: 2000 },
  )
})

test('what is stored has the value that was given, to a billionth', () => {
  fc.assert(
    fc.property(quantity, (given) => {
      const [before, after] = [quantityValue(given)!, quantityValue(canonicalQuantity(given))!]
      const most = given.endsWith('i') ? 2 ** 63 : Number.POSITIVE_INFINITY
      const wanted = Math.sign(before) * Math.min(Math.abs(before), most)
      assert.ok(Math.abs(wanted - after) <= 2e-9 + Math.abs(wanted) * 1e-14, `${given} is ${before}, not ${after}`)
    }),
    { seed: 7, numRuns: 2000 },
  )
})
