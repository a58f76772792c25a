import assert from 'node:assert/strict'
import { test } from 'node:test'
import { quantityText } from './quantity-text.ts'
import { quantityValue } from './quantity.ts'

const cases: readonly (readonly [given: string | number | undefined, text: string])[] = [
  [undefined, '0'],
  ['0', '0'],
  ['-0', '0'],
  [2, '2'],
  ['0.5', '500m'],
  ['.5', '500m'],
  ['1000m', '1'],
  ['1500m', '1500m'],
  ['100000', '100k'],
  ['1.5Gi', '1536Mi'],
  ['1024Mi', '1Gi'],
  ['1500Ki', '1500Ki'],
  ['512Ki', '512Ki'],
  ['0.5Ki', '512'],
  ['0.1Ki', '102400m'],
  ['1e3', '1e3'],
  ['12E', '12E'],
  ['-1', '-1'],
  ['0.0000000001', '1n'],
  ['lots', 'lots'],
]
for (const [given, text] of cases) test(`${given} is printed as ${text}`, () => assert.equal(quantityText(given), text))

test('the printed text means the same and is printed as itself', () => {
  for (const suffix of ['', 'm', 'k', 'M', 'Ki', 'Mi', 'Gi', 'e3'])
    for (const digits of ['1', '7', '1000', '1024', '12.5', '999', '2048']) {
      const text = quantityText(digits + suffix)
      assert.equal(quantityValue(text)!.toPrecision(12), quantityValue(digits + suffix)!.toPrecision(12), digits + suffix)
      assert.equal(quantityText(text), text)
    }
})
