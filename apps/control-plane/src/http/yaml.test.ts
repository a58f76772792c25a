import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseYaml } from './yaml.ts'

const values: readonly (readonly [string, string, unknown])[] = [
  ['booleans of YAML 1.1', 'a: yes\nb: off', { a: true, b: false }],
  ['octal numbers', 'mode: 0644', { mode: 420 }],
  ['timestamps stay text', 'a: 2001-12-14T21:59:43Z\nb: 2001-12-14', { a: '2001-12-14T21:59:43Z', b: '2001-12-14' }],
  ['base 60 numbers stay text', 'a: 1:30', { a: '1:30' }],
  ['merge keys', 'base: &b {x: 1}\nc:\n  <<: *b\n  z: 2', { base: { x: 1 }, c: { x: 1, z: 2 } }],
  ['keys become text', '1: a\ntrue: b', { 1: 'a', true: 'b' }],
  ['binary stays text', 'a: !!binary aGVsbG8=', { a: 'aGVsbG8=' }],
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

const errors: readonly (readonly [string, string, RegExp])[] = [
  ['an open list', 'a: [1', /^yaml: line \d+: /],
  ['two values on a line', 'x: 1\na: b: c', /^yaml: line 2: /],
  ['tabs', '\ta: 1', /^yaml: line 1: /],
  ['an alias that contains itself', 'a: &x [*x]', /^yaml: /],
  ['nesting without end', '['.repeat(50_000), /^yaml: /],
  [
    'aliases that multiply',
    [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...'bcdefg'.split('').map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdef'[index]}`).join(',')}]`),
    ].join('\n'),
    /alias/,
  ],
]
for (const [name, text, message] of errors)
  test(`refused: ${name}`, async () => assert.rejects(parseYaml(text), { name: 'YamlSyntaxError', message }))
