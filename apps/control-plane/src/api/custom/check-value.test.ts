import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { JsonValue } from '@bramble/api/object'
import type { JsonSchema } from '@bramble/api/types/custom-resource-definition'
import { checkValue } from './check-value.ts'
import { loadPatterns } from './patterns.ts'
import { boundedCheck } from './validate.ts'

before(() => loadPatterns())

const shown = (schema: JsonSchema, value: JsonValue, previous?: JsonValue): string[] =>
  checkValue(schema, { value, previous, path: 'spec' }).map(({ path, message }) => `${path}: ${message}`)

const of = (field: JsonSchema): JsonSchema => ({ type: 'object', properties: { a: field } })

const CASES: readonly (readonly [string, JsonSchema, JsonValue, readonly string[]])[] = [
  [
    'a text for an integer',
    of({ type: 'integer' }),
    { a: 'x' },
    ['spec.a: Invalid value: "string": spec.a in body must be of type integer: "string"'],
  ],
  [
    'a fraction for an integer',
    of({ type: 'integer' }),
    { a: 1.5 },
    ['spec.a: Invalid value: "number": spec.a in body must be of type integer: "number"'],
  ],
  ['an integer for a number', of({ type: 'number' }), { a: 1 }, []],
  ['null', of({ type: 'string' }), { a: null }, ['spec.a: Invalid value: "null": spec.a in body must be of type string: "null"']],
  ['null that may be', of({ type: 'string', nullable: true }), { a: null }, []],
  [
    'a list for an integer or text',
    of({ 'x-kubernetes-int-or-string': true }),
    { a: [] },
    ['spec.a: Invalid value: "array": spec.a in body must be of type integer,string: "array"'],
  ],
  ['an integer for an integer or text', of({ 'x-kubernetes-int-or-string': true }), { a: 80 }, []],
  [
    'a value that is not listed, with the others in their own order',
    of({ type: 'string', enum: ['b', 'a'] }),
    { a: 'c' },
    ['spec.a: Unsupported value: "c": supported values: "b", "a"'],
  ],
  [
    'a number that is not listed',
    of({ type: 'integer', enum: [1, 2] }),
    { a: 3 },
    ['spec.a: Unsupported value: 3: supported values: "1", "2"'],
  ],
  [
    'a text that does not match',
    of({ type: 'string', pattern: '^a+$' }),
    { a: 'b' },
    ['spec.a: Invalid value: "b": spec.a in body should match \'^a+$\''],
  ],
  [
    'a short text',
    of({ type: 'string', minLength: 3 }),
    { a: '😀😀' },
    ['spec.a: Invalid value: "😀😀": spec.a in body should be at least 3 chars long'],
  ],
  ['a text that is long in bytes only', of({ type: 'string', maxLength: 2 }), { a: '😀😀' }, []],
  ['a long text', of({ type: 'string', maxLength: 1 }), { a: 'ab' }, ['spec.a: Too long: may not be more than 1 bytes']],
  [
    'a text of another form',
    of({ type: 'string', format: 'date' }),
    { a: '2026-02-30' },
    ['spec.a: Invalid value: "2026-02-30": spec.a in body must be of type date: "2026-02-30"'],
  ],
  [
    'a small number',
    of({ type: 'integer', minimum: 1 }),
    { a: 0 },
    ['spec.a: Invalid value: 0: spec.a in body should be greater than or equal to 1'],
  ],
  [
    'a number at an excluded bound',
    of({ type: 'integer', minimum: 1, exclusiveMinimum: true }),
    { a: 1 },
    ['spec.a: Invalid value: 1: spec.a in body should be greater than 1'],
  ],
  [
    'a great number',
    of({ type: 'number', maximum: 1.5 }),
    { a: 2 },
    ['spec.a: Invalid value: 2: spec.a in body should be less than or equal to 1.5'],
  ],
  [
    'a great number at an excluded bound',
    of({ type: 'integer', maximum: 2, exclusiveMaximum: true }),
    { a: 2 },
    ['spec.a: Invalid value: 2: spec.a in body should be less than 2'],
  ],
  ['no multiple', of({ type: 'integer', multipleOf: 5 }), { a: 7 }, ['spec.a: Invalid value: 7: spec.a in body should be a multiple of 5']],
  ['a multiple of a decimal fraction', of({ type: 'number', multipleOf: 0.1 }), { a: 0.3 }, []],
  [
    'an integer beyond its format',
    of({ type: 'integer', format: 'int32' }),
    { a: 2 ** 31 },
    ['spec.a: Invalid value: 2147483648: spec.a in body must be of type int32'],
  ],
  [
    'few items',
    of({ type: 'array', minItems: 1, items: { type: 'string' } }),
    { a: [] },
    ['spec.a: Invalid value: 0: spec.a in body should have at least 1 items'],
  ],
  [
    'many items',
    of({ type: 'array', maxItems: 1, items: { type: 'string' } }),
    { a: ['x', 'y'] },
    ['spec.a: Too many: 2: must have at most 1 item'],
  ],
  [
    'an item of another type',
    of({ type: 'array', items: { type: 'string' } }),
    { a: ['x', 1] },
    ['spec.a[1]: Invalid value: "integer": spec.a[1] in body must be of type string: "integer"'],
  ],
  [
    'few fields',
    of({ type: 'object', minProperties: 1 }),
    { a: {} },
    ['spec.a: Invalid value: 0: spec.a in body should have at least 1 properties'],
  ],
  [
    'many fields',
    of({ type: 'object', maxProperties: 1, additionalProperties: { type: 'string' } }),
    { a: { x: '', y: '' } },
    ['spec.a: Too many: 2: must have at most 1 item'],
  ],
  [
    'an entry of another type',
    of({ type: 'object', additionalProperties: { type: 'string' } }),
    { a: { x: 1 } },
    ['spec.a.x: Invalid value: "integer": spec.a.x in body must be of type string: "integer"'],
  ],
  ['a missing field', { type: 'object', required: ['a'], properties: { a: { type: 'string' } } }, {}, ['spec.a: Required value']],
  ['a field that is named like a method', { type: 'object', required: ['constructor'] }, {}, ['spec.constructor: Required value']],
  [
    'a set with an item twice',
    of({ type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } }),
    { a: ['x', 'y', 'x'] },
    ['spec.a[2]: Duplicate value: "x"'],
  ],
  [
    'a map with a key twice',
    of({ type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['n'], items: { type: 'object' } }),
    {
      a: [
        { n: 'x', v: 1 },
        { v: 2, n: 'x' },
      ],
    },
    ['spec.a[1]: Duplicate value: {"n":"x"}'],
  ],
  [
    'none of several',
    { type: 'object', anyOf: [{ required: ['a'] }, { required: ['b'] }] },
    {},
    ['<nil>: Invalid value: "": "spec" must validate at least one schema (anyOf)', 'spec.a: Required value'],
  ],
  [
    'none of which one must be',
    { type: 'object', oneOf: [{ required: ['a'] }, { required: ['b'] }] },
    {},
    ['<nil>: Invalid value: "": "spec" must validate one and only one schema (oneOf). Found none valid', 'spec.a: Required value'],
  ],
  [
    'two of which one must be',
    { type: 'object', oneOf: [{ required: ['a'] }, { required: ['b'] }] },
    { a: 1, b: 2 },
    ['<nil>: Invalid value: "": "spec" must validate one and only one schema (oneOf). Found 2 valid alternatives'],
  ],
  [
    'not all',
    { type: 'object', allOf: [{ required: ['a'] }, { required: ['b'] }] },
    { a: 1 },
    ['<nil>: Invalid value: "": "spec" must validate all the schemas (allOf)', 'spec.b: Required value'],
  ],
  [
    'what must not be',
    { type: 'object', not: { required: ['a'] } },
    { a: 1 },
    ['<nil>: Invalid value: "": "spec" must not validate the schema (not)'],
  ],
  [
    'an object within that is none',
    of({ type: 'object', 'x-kubernetes-embedded-resource': true }),
    { a: { kind: '' } },
    ['spec.a.apiVersion: Required value: must not be empty', 'spec.a.kind: Invalid value: "": must not be empty'],
  ],
]

for (const [name, schema, value, expected] of CASES) test(`checked: ${name}`, () => assert.deepEqual(shown(schema, value), expected))

test('what was wrong before and has not changed does not stand in the way', () => {
  const schema: JsonSchema = {
    type: 'object',
    properties: {
      old: { type: 'string', maxLength: 1 },
      list: {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['n'],
        items: { type: 'object', properties: { n: { type: 'string' }, v: { type: 'integer', maximum: 1 } } },
      },
      plain: { type: 'array', items: { type: 'integer', maximum: 1 } },
    },
  }
  const before = { old: 'long', list: [{ n: 'a', v: 5 }], plain: [5] }
  assert.deepEqual(
    shown(
      schema,
      {
        ...before,
        list: [
          { n: 'b', v: 1 },
          { n: 'a', v: 5 },
        ],
      },
      before,
    ),
    [],
  )
  assert.deepEqual(shown(schema, { ...before, old: 'longer' }, before), ['spec.old: Too long: may not be more than 1 bytes'])
  assert.deepEqual(shown(schema, { ...before, plain: [5, 1] }, before), [
    'spec.plain[0]: Invalid value: 5: spec.plain[0] in body should be less than or equal to 1',
  ])
})

test('a pattern that makes other engines run for ever is decided at once', () => {
  assert.equal(shown(of({ type: 'string', pattern: '^(a+)+$' }), { a: `${'a'.repeat(50_000)}b` }).length, 1)
})

test('what takes too long to check is refused before everybody waits', () => {
  const slow = of({ type: 'string', pattern: '.*a.{200}$' })
  assert.deepEqual(
    boundedCheck(slow, { value: { a: 'a'.repeat(1_000_000) }, previous: undefined, path: '' }).map(({ message }) => message),
    ['Too long: the object takes too long to check against its schema'],
  )
  assert.deepEqual(boundedCheck(slow, { value: { a: 'a'.repeat(1_000) }, previous: undefined, path: '' }), [])
  const choices = Array.from({ length: 1_000 }, (_, index) => index)
  const last = { a: Array.from({ length: 50_000 }, () => 999) }
  const many = of({ type: 'array', items: { type: 'integer', anyOf: choices.map((minimum) => ({ maximum: minimum })) } })
  const listed = of({ type: 'array', items: { type: 'integer', enum: choices } })
  for (const schema of [many, listed])
    assert.match(boundedCheck(schema, { value: last, previous: undefined, path: '' })[0]!.message, /takes too long to check/)
})

test('of many faults the first hundred are told', () => {
  const value = { a: Array.from({ length: 100_000 }, () => 'x') }
  assert.equal(boundedCheck(of({ type: 'array', items: { type: 'integer' } }), { value, previous: undefined, path: '' }).length, 100)
})
