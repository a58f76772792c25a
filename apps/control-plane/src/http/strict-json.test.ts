import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '@bramble/reconcile/sim/seeded'
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
