import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { JsonValue } from '@bramble/api/object'
import type { JsonSchema, ValidationRule } from '@bramble/api/types/custom-resource-definition'
import { loadPatterns } from '../patterns.ts'
import { loadRules } from './library.ts'
import { rulesOf } from './object-rules.ts'

before(async () => {
  await loadPatterns()
  await loadRules()
})

const shown = (schema: JsonSchema, value: JsonValue, previous?: JsonValue): string[] =>
  rulesOf(schema)!(value, previous).map(({ type, path, message }) => `${type} ${path}: ${message}`)

const specWith = (rule: Partial<ValidationRule> & { rule: string }): JsonSchema => ({
  type: 'object',
  properties: {
    spec: { type: 'object', properties: { n: { type: 'integer' }, m: { type: 'integer' } }, 'x-kubernetes-validations': [rule] },
  },
})

test('a schema without rules has none', () => assert.equal(rulesOf({ type: 'object', properties: { a: { type: 'string' } } }), undefined))

const WORDING: readonly (readonly [string, Partial<ValidationRule>, string])[] = [
  ['without a message', {}, 'FieldValueInvalid spec: Invalid value: "object": failed rule: self.n < self.m'],
  ['its message', { message: 'too many' }, 'FieldValueInvalid spec: Invalid value: "object": too many'],
  [
    'a message made of values',
    { messageExpression: '"n is " + string(self.n)' },
    'FieldValueInvalid spec: Invalid value: "object": n is 5',
  ],
  [
    'its message where none can be made',
    { message: 'fixed', messageExpression: 'string(1 / (self.n - 5))' },
    'FieldValueInvalid spec: Invalid value: "object": fixed',
  ],
  [
    'its message where the made one says nothing',
    { message: 'fixed', messageExpression: '"\\n"' },
    'FieldValueInvalid spec: Invalid value: "object": fixed',
  ],
  ['its reason', { reason: 'FieldValueForbidden', message: 'no' }, 'FieldValueForbidden spec: Forbidden: no'],
  ['another reason', { reason: 'FieldValueRequired', message: 'no' }, 'FieldValueRequired spec: Required value: no'],
  ['a third reason', { reason: 'FieldValueDuplicate' }, 'FieldValueDuplicate spec: Duplicate value: "object"'],
  ['its field', { fieldPath: '.n', message: 'no' }, 'FieldValueInvalid spec.n: Invalid value: "object": no'],
]
for (const [name, rest, expected] of WORDING)
  test(`a broken rule says ${name}`, () =>
    assert.deepEqual(shown(specWith({ rule: 'self.n < self.m', ...rest }), { spec: { n: 5, m: 1 } }), [expected]))

test('a rule that cannot be run says why', () => {
  assert.deepEqual(shown(specWith({ rule: 'self.n < self.m' }), { spec: { n: 5 } }), [
    'FieldValueInvalid spec: Invalid value: "object": no such key: m evaluating rule: self.n < self.m',
  ])
})

test('rules about what was before run on changes only, the others where something has changed', () => {
  const transition = specWith({ rule: 'self.n >= oldSelf.n', message: 'only grows' })
  assert.deepEqual(shown(transition, { spec: { n: 1 } }), [])
  assert.deepEqual(shown(transition, { spec: { n: 1 } }, { spec: { n: 1 } }), [])
  assert.deepEqual(shown(transition, { spec: { n: 1 } }, { spec: { n: 2 } }), [
    'FieldValueInvalid spec: Invalid value: "object": only grows',
  ])
  const plain = specWith({ rule: 'self.n < 3', message: 'small' })
  assert.deepEqual(shown(plain, { spec: { n: 5 } }, { spec: { n: 5 } }), [])
  assert.equal(shown(plain, { spec: { n: 5, m: 1 } }, { spec: { n: 5 } }).length, 1)
  const optional = specWith({ rule: 'oldSelf.hasValue() || self.n == 1', optionalOldSelf: true, message: 'starts at 1' })
  assert.equal(shown(optional, { spec: { n: 2 } }).length, 1)
  assert.deepEqual(shown(optional, { spec: { n: 2 } }, { spec: { n: 1 } }), [])
})

test('rules stand at every value that their schema is of', () => {
  const positive = { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self > 0', message: 'positive' }] } as const
  const fixed = {
    type: 'object',
    properties: { k: { type: 'string' }, v: { type: 'integer' } },
    'x-kubernetes-validations': [{ rule: 'self.v == oldSelf.v', message: 'fixed' }],
  } as const
  const schema: JsonSchema = {
    type: 'object',
    properties: {
      list: { type: 'array', items: positive },
      map: { type: 'object', additionalProperties: positive },
      keyed: { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'], items: fixed },
    },
    'x-kubernetes-validations': [{ rule: 'self.metadata.name != "bad"', message: 'bad name' }],
  }
  const object = {
    metadata: { name: 'bad' },
    list: [1, 0],
    map: { a: 1, b: -1 },
    keyed: [
      { k: 'b', v: 9 },
      { k: 'a', v: 1 },
      { k: 'new', v: 3 },
    ],
  }
  assert.deepEqual(
    shown(schema, object, {
      metadata: { name: 'good' },
      keyed: [
        { k: 'a', v: 1 },
        { k: 'b', v: 2 },
      ],
    }),
    [
      'FieldValueInvalid <nil>: Invalid value: "object": bad name',
      'FieldValueInvalid list[1]: Invalid value: "integer": positive',
      'FieldValueInvalid map[b]: Invalid value: "integer": positive',
      'FieldValueInvalid keyed[0]: Invalid value: "object": fixed',
    ],
  )
})

test('what costs too much is refused: one rule, and all of them together', () => {
  const numbers = Array.from({ length: 3_000 }, (_, index) => index)
  const costly = (times: number): JsonSchema => ({
    type: 'object',
    properties: {
      list: {
        type: 'array',
        items: { type: 'integer' },
        'x-kubernetes-validations': Array.from({ length: times }, (_, index) => ({
          rule: `self.all(a, self.exists(b, a == b + ${index} - ${index}))`,
          message: 'dear',
        })),
      },
    },
  })
  const [one] = shown(costly(1), { list: numbers })
  assert.match(
    one!,
    /^FieldValueInvalid list: Invalid value: "array": call cost exceeds limit for rule: dear, no further validation rules will be run/,
  )
  const many = shown(costly(50), { list: numbers })
  assert.ok(many.length < 5)
  assert.match(many.at(-1)!, /validation failed due to running out of cost budget, no further validation rules will be run$/)
})
