import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '@bramble/reconcile/sim/seeded'
import fc from 'fast-check'
import { sourceOf } from '../api/schema/source-text.ts'
import { parseStrictJson } from './strict-json.ts'

const duplicates: readonly (readonly [string, readonly string[]])[] = [
  ['{"a":1,"b":[{"c":1},{"c":2}]}', []],
  ['{"a":1,"a":2}', ['a']],
  ['{"a":1,"a":2,"a":3}', ['a']],
  ['{"a":{"b":1,"b":1},"c":{"b":1}}', ['a.b']],
  ['{"spec":{"containers":[{},{"image":"x","image":"y"}]}}', ['spec.containers[1].image']],
  ['{"a":1,"\\u0061":2}', ['a']],
  ['[{"a":1,"a":1},[{"b":1,"b":1}]]', ['[0].a', '[1][0].b']],
  ['"{\\"a\\":1,\\"a\\":2}"', []],
]
for (const [text, expected] of duplicates)
  test(`duplicates in ${text}`, () => assert.deepEqual(parseStrictJson(text), { value: JSON.parse(text), duplicates: expected }))

const errors: readonly (readonly [string, string])[] = [
  ['', 'unexpected end of JSON input'],
  ['{"a"', 'unexpected end of JSON input'],
  ['{"a":"b', 'unexpected end of JSON input'],
  ['{a}', "invalid character 'a' looking for beginning of object key string"],
  ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
  ['{"a" 1}', "invalid character '1' after object key"],
  ['{"a":1 "b"}', "invalid character '\"' after object key:value pair"],
  ['[1 2]', "invalid character '2' after array element"],
  ['{} x', "invalid character 'x' after top-level value"],
  ['nope', "invalid character 'o' in literal null (expecting 'u')"],
  ['"a\nb"', "invalid character '\\n' in string literal"],
  ['"\\x"', "invalid character 'x' in string escape code"],
  ['"\\u12g4"', "invalid character 'g' in \\u hexadecimal character escape"],
  ['1.x', "invalid character 'x' after decimal point in numeric literal"],
  ['1.', 'unexpected end of JSON input'],
  ['1ex', "invalid character 'x' in exponent of numeric literal"],
  ['1e+}', "invalid character '}' in exponent of numeric literal"],
  ['01', "invalid character '1' after top-level value"],
  ['é', "invalid character 'Ã' looking for beginning of value"],
  ['\ufeff{}', "invalid character 'ï' looking for beginning of value"],
  ['\u0001', "invalid character '\\x01' looking for beginning of value"],
  ["{'a':1}", "invalid character '\\'' looking for beginning of object key string"],
  ['-x', "invalid character 'x' in numeric literal"],
  ['<html>', "invalid character '<' looking for beginning of value"],
  ['['.repeat(100_000), 'exceeded max depth'],
]
for (const [text, message] of errors)
  test(`${JSON.stringify(text.slice(0, 20))}: ${message}`, () =>
    assert.throws(() => parseStrictJson(text), { name: 'JsonSyntaxError', message }))

test('it accepts exactly what JSON.parse accepts', () => {
  const alphabet = ['{', '}', '[', ']', ',', ':', '"a"', '"b\\n"', '1', '-0.5e3', 'true', 'null', ' ', '"', '\\', 'x']
  const isJson = (parse: (text: string) => unknown, text: string): boolean => {
    try {
      parse(text)
      return true
    } catch {
      return false
    }
  }
  for (let seed = 1; seed <= 3000; seed++) {
    const random = seeded(seed)
    const text = Array.from({ length: 1 + Math.floor(random() * 9) }, () => alphabet[Math.floor(random() * alphabet.length)]).join('')
    assert.equal(isJson(parseStrictJson, text), isJson(JSON.parse, text), `seed ${seed}: ${text}`)
  }
})

test('unusual numbers keep how they were written', () => {
  const { value } = parseStrictJson('{"a":1.0,"b":[1,2e3],"c":7,"d":12345678901234567890}')
  const { b } = value as { b: object }
  assert.deepEqual(
    [...sourceOf(value as object)!.numbers!],
    [
      ['a', '1.0'],
      ['d', '12345678901234567890'],
    ],
  )
  assert.deepEqual([...sourceOf(b)!.numbers!], [['1', '2e3']])
  assert.equal(sourceOf((parseStrictJson('{"a":1.5,"b":-3}').value as object) ?? {}), undefined)
})

test('an object with repeated keys keeps their order', () => {
  const { value } = parseStrictJson('{"a":1,"b":2,"a":3,"c":4}')
  assert.deepEqual(value, { a: 3, b: 2, c: 4 })
  assert.deepEqual(sourceOf(value as object)?.keys, ['a', 'b', 'a', 'c'])
})

test('what is parsed is what JSON.parse parses', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 5 }), (text) => assert.deepEqual(parseStrictJson(text).value, JSON.parse(text))),
    { seed: 7, numRuns: 500 },
  )
})
