import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sourceOf } from '../api/schema/source-text.ts'
import { parseYaml } from './yaml.ts'

const values: readonly (readonly [string, string, unknown])[] = [
  ['booleans of YAML 1.1', 'a: yes\nb: off', { a: true, b: false }],
  ['octal numbers', 'mode: 0644', { mode: 420 }],
  ['timestamps stay text', 'a: 2001-12-14T21:59:43Z\nb: 2001-12-14', { a: '2001-12-14T21:59:43Z', b: '2001-12-14' }],
  ['base 60 numbers stay text', 'a: 1:30', { a: '1:30' }],
  ['merge keys', 'base: &b {x: 1}\nc:\n  <<: *b\n  z: 2', { base: { x: 1 }, c: { x: 1, z: 2 } }],
  ['keys become text', '1: a\ntrue: b', { 1: 'a', true: 'b' }],
  ['binary becomes text', 'a: !!binary aGVsbG8=', { a: 'hello' }],
  ['octal numbers of YAML 1.2', 'mode: 0o644', { mode: 420 }],
  ['hexadecimal numbers and numbers in groups', 'a: 0x1F\nb: 1_000', { a: 31, b: 1000 }],
  ['the letters y and n', 'a: y\nb: n', { a: true, b: false }],
  ['aliases', 'a: &x [1]\nb: *x', { a: [1], b: [1] }],
  ['tags of others', 'a: !foo bar', { a: 'bar' }],
  ['the first of several documents', '---\na: 1\n---\nb: 2\n', { a: 1 }],
  ['an anchor without a value', 'a: &x', { a: null }],
  ['JSON is YAML', '{"a": [1, "x"]}', { a: [1, 'x'] }],
  ['nothing is null', '', null],
  ['a key named __proto__ is a key', '__proto__: {x: 1}', JSON.parse('{"__proto__": {"x": 1}}')],
]
for (const [name, text, value] of values) test(name, async () => assert.deepEqual(await parseYaml(text), { value, duplicates: [] }))

test('duplicate keys are named by path, the last one counts', async () => {
  assert.deepEqual(await parseYaml('spec:\n  list:\n  - a: 1\n    a: 2\nspec: {b: 1}'), {
    value: { spec: { b: 1 } },
    duplicates: ['spec.list[0].a', 'spec'],
  })
})

test('fields come in the order of their names', async () => {
  const { value } = await parseYaml('spec: {z: 1, b: 2}\nc: 3\na: 4')
  assert.equal(JSON.stringify(value), '{"a":4,"c":3,"spec":{"b":2,"z":1}}')
})

test('repeated keys are a problem of the text: the line of the value, what is inside first', async () => {
  const { value } = await parseYaml('a: 1\nb:\n  c: 1\n  c: 2\n  d:\n    e: 1\n    e: 2\na: 2\n')
  assert.deepEqual(sourceOf(value as object)?.problems, [
    'yaml: unmarshal errors:\n  line 4: key "c" already set in map\n  line 7: key "e" already set in map\n  line 8: key "a" already set in map',
  ])
})

test('an integer that is too large keeps its digits', async () => {
  const { value } = await parseYaml('a: {b: 12345678901234567890}')
  assert.equal(sourceOf((value as { a: object }).a)?.numbers?.get('b'), '12345678901234567890')
})

// biome-ignore format: a table
const syntax: readonly (readonly [what: string, text: string, message: string])[] = [
  ['a mapping in a mapping', 'a: b: c', 'yaml: mapping values are not allowed in this context'],
  ['the same below', 'a: b\n  c: d', 'yaml: line 2: mapping values are not allowed in this context'],
  ['a tab', '\t- x', 'yaml: found character that cannot start any token'],
  ['a tab below', 'spec:\n\tnodeName: x', 'yaml: line 2: found character that cannot start any token'],
  ['a reserved character', 'a: @x', 'yaml: found character that cannot start any token'],
  ['an unknown escape', '"a": "\\q"', 'yaml: found unknown escape character'],
  ['a broken escape', '"a": "\\x"', 'yaml: did not find expected hexdecimal number'],
  ['an open text', "a: 'x", 'yaml: found unexpected end of stream'],
  ['an open text over lines', 'a: "x\n', 'yaml: line 2: found unexpected end of stream'],
  ['an open list', 'spec:\n  containers: [', 'yaml: line 2: did not find expected node content'],
  ['an open mapping', '{a: b', "yaml: line 1: did not find expected ',' or '}'"],
  ['wrong indentation', 'a:\n  - b\n c: d', 'yaml: line 2: did not find expected key'],
  ['a key after a list', '- a\nb: c', "yaml: line 1: did not find expected '-' indicator"],
  ['one bracket too many', 'key: [a, b]]', 'yaml: did not find expected key'],
  ['an unknown anchor', 'a: *y', "yaml: unknown anchor 'y' referenced"],
  ['a control character', 'a: "\u0001"', 'yaml: control characters are not allowed'],
  ['a mapping as a key', '? {a: b}\n: c', 'yaml: invalid map key: map[interface {}]interface {}{"a":"b"}'],
  ['a list as a key', '? [a]\n: c', 'yaml: invalid map key: []interface {}{"a"}'],
  ['no number', 'a: .nan', 'json: unsupported value: NaN'],
  ['an endless number', 'a: -.inf', 'json: unsupported value: -Inf'],
]
for (const [what, text, message] of syntax)
  test(`refused: ${what}`, async () => assert.rejects(parseYaml(text), { name: 'YamlSyntaxError', message }))

const errors: readonly (readonly [string, string, RegExp])[] = [
  ['an alias that contains itself', 'a: &x [*x]', /^yaml: /],
  ['nesting without end', '['.repeat(50_000), /^yaml: /],
  [
    'aliases that multiply',
    [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...'bcdefg'.split('').map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdef'[index]}`).join(',')}]`),
    ].join('\n'),
    /^yaml: document contains excessive aliasing$/,
  ],
]
for (const [name, text, message] of errors)
  test(`refused: ${name}`, async () => assert.rejects(parseYaml(text), { name: 'YamlSyntaxError', message }))
