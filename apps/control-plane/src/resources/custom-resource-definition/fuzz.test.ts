import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { StatusError } from '@bramble/api/status-error'
import type { JsonObject, JsonValue } from '@bramble/api/object'
import type { JsonSchema } from '@bramble/api/types/custom-resource-definition'
import fc from 'fast-check'
import { checkValue } from '../../api/custom/check-value.ts'
import { applySchemaDefaults } from '../../api/custom/defaults.ts'
import { loadLibraries } from '../../api/custom/libraries.ts'
import { mergeSchema } from '../../api/custom/merge-schema.ts'
import { pruned } from '../../api/custom/prune.ts'
import { CompileError, RulePlace } from '../../api/custom/rules/compile.ts'
import { Budget } from '../../api/custom/rules/budget.ts'
import { validateSchema } from './validate-schema.ts'

before(() => loadLibraries({ pattern: '', 'x-kubernetes-validations': [] }))

const RUNS = { seed: 20_26, numRuns: 300 } as const
const CONTEXT = { hasStatus: false, apiVersion: 'example.com/v1' }
const NAMES = ['a', 'b', 'spec', 'metadata', 'kind', 'constructor', 'toString', 'a-b', '__x', ''] as const
const name = fc.constantFrom(...NAMES)

/** Any JSON, of few names so that schemas and objects meet. */
const json = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<JsonValue>(null, true, 0, 1, -1.5, 2 ** 40, '', 'a', 'zzz', '2026-01-01T00:00:00Z', '10.0.0.1'),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(name, tie('value'), { maxKeys: 4 }),
  ),
})).value

/** Schemas as clients may write them: words that fit and words that do not, in any mixture. */
function anySchema(depth: number): fc.Arbitrary<JsonSchema> {
  const inner =
    depth === 0 ? fc.constant<JsonSchema>({ type: 'string' }) : fc.option(anySchema(depth - 1), { nil: {} as JsonSchema, freq: 2 })
  return fc.record(
    {
      type: fc.constantFrom('object', 'array', 'string', 'integer', 'number', 'boolean', 'null', 'x', ''),
      format: fc.constantFrom('date', 'int32', 'byte', 'x'),
      nullable: fc.boolean(),
      default: json,
      enum: fc.array(json, { maxLength: 2 }),
      pattern: fc.constantFrom('^a+$', '(', '', '(?=x)'),
      minimum: fc.integer(),
      maximum: fc.integer(),
      multipleOf: fc.constantFrom(0, 1, 0.1, -1),
      minLength: fc.integer(),
      maxItems: fc.integer(),
      uniqueItems: fc.boolean(),
      required: fc.array(name, { maxLength: 2 }),
      properties: fc.dictionary(name, inner, { maxKeys: 2 }),
      additionalProperties: fc.oneof(fc.boolean(), inner),
      items: inner,
      anyOf: fc.array(inner, { maxLength: 2 }),
      not: inner,
      'x-kubernetes-preserve-unknown-fields': fc.boolean(),
      'x-kubernetes-embedded-resource': fc.boolean(),
      'x-kubernetes-int-or-string': fc.boolean(),
      'x-kubernetes-list-type': fc.constantFrom('set', 'map', 'atomic', 'x'),
      'x-kubernetes-list-map-keys': fc.array(name, { maxLength: 2 }),
      'x-kubernetes-map-type': fc.constantFrom('atomic', 'granular', 'x'),
      'x-kubernetes-validations': fc.array(fc.record({ rule: fc.constantFrom('self', 'true', 'has(self.a)', 'self == oldSelf', '(') }), {
        maxLength: 1,
      }),
    },
    { requiredKeys: [] },
  ) as fc.Arbitrary<JsonSchema>
}

/** Schemas that are structural and whose defaults fit. */
function goodSchema(depth: number): fc.Arbitrary<JsonSchema> {
  return fc.record(
    {
      type: fc.constant('object'),
      properties: fc.dictionary(fc.constantFrom('a', 'b', 'spec', 'toString'), goodValue(depth), { maxKeys: 3 }),
      'x-kubernetes-preserve-unknown-fields': fc.constant(true),
    },
    { requiredKeys: ['type', 'properties'] },
  ) as fc.Arbitrary<JsonSchema>
}

function goodValue(depth: number): fc.Arbitrary<JsonSchema> {
  const leaf = fc.constantFrom<JsonSchema>(
    { type: 'string', default: 'a' },
    { type: 'string', nullable: true },
    { type: 'integer', minimum: 0, default: 1 },
    { type: 'boolean' },
    { 'x-kubernetes-int-or-string': true },
    { type: 'object', additionalProperties: { type: 'string', default: 'x' } },
  )
  if (depth === 0) return leaf
  const inner = goodValue(depth - 1)
  const list = inner.map((items): JsonSchema => ({ type: 'array', items }))
  const map = inner.map((additionalProperties): JsonSchema => ({ type: 'object', additionalProperties }))
  return fc.oneof(leaf, goodSchema(depth - 1), list, map)
}

const read = (schema: JsonSchema, object: JsonObject): { value: JsonValue; unknown: string[] } => {
  const unknown: string[] = []
  const value = structuredClone(pruned(schema, object, unknown))
  applySchemaDefaults(schema, value)
  return { value, unknown }
}
const object = fc.dictionary(name, json, { maxKeys: 4 }) as fc.Arbitrary<JsonObject>

test('whatever schema is written, it is accepted or refused', () => {
  fc.assert(
    fc.property(anySchema(2), object, (schema, body) => {
      const errors = validateSchema(schema, CONTEXT, '$')
      mergeSchema(schema)
      if (errors.length > 0) return
      const { value } = read(schema, body)
      checkValue(schema, { value, path: '' })
    }),
    RUNS,
  )
})

test('a structural schema is accepted', () => {
  fc.assert(
    fc.property(goodSchema(2), (schema) => assert.deepEqual(validateSchema(schema, CONTEXT, '$'), [])),
    RUNS,
  )
})

test('pruning and defaulting twice is doing it once, and nothing is unknown any more', () => {
  fc.assert(
    fc.property(goodSchema(2), object, (schema, body) => {
      const once = read(schema, body)
      const twice = read(schema, once.value as JsonObject)
      assert.deepEqual(twice.value, once.value)
      assert.deepEqual(twice.unknown, [])
    }),
    RUNS,
  )
})

test('what a schema fills in, it accepts', () => {
  fc.assert(
    fc.property(goodSchema(2), (schema) => assert.deepEqual(checkValue(schema, { value: read(schema, {}).value, path: '' }), [])),
    RUNS,
  )
})

test('an object that has not changed is not refused, and one that is fine stays fine', () => {
  fc.assert(
    fc.property(goodSchema(2), object, (schema, body) => {
      const { value } = read(schema, body)
      assert.deepEqual(checkValue(schema, { value, previous: structuredClone(value), path: '' }), [])
      if (checkValue(schema, { value, path: '' }).length > 0) return
      assert.deepEqual(checkValue(schema, { value, previous: { other: 1 }, path: '' }), [])
    }),
    RUNS,
  )
})

const WORDS = [
  'self',
  'oldSelf',
  '.a',
  '.list',
  '(',
  ')',
  '[',
  ']',
  '0',
  '"x"',
  '==',
  '+',
  '&&',
  '!',
  '?',
  ':',
  ' in ',
  '.all(x, ',
  '.map(x, ',
  'x',
  'has(',
  '.size()',
  'true',
  'null',
  '-',
  '.?a',
  '{',
  '}',
  ',',
  '.matches("a")',
  'optional.none()',
  '.orValue(',
  '\\',
  '\u0000',
  '😀',
]

test('whatever rule is written, it compiles or is refused, runs or fails', () => {
  const schema: JsonSchema = { type: 'object', properties: { a: { type: 'string' }, list: { type: 'array', items: { type: 'integer' } } } }
  const place = new RulePlace(schema, true)
  const self = place.convert({ a: 'x', list: [1, 2] })
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...WORDS), { maxLength: 12 }), (words) => {
      try {
        const expression = place.compile(words.join(''), 'bool', false)
        try {
          expression.run({ self, oldSelf: self }, new Budget())
        } catch (error) {
          assert.ok(error instanceof Error)
        }
      } catch (error) {
        assert.ok(error instanceof CompileError, String(error))
      }
    }),
    { ...RUNS, numRuns: 3_000 },
  )
})

test('an object that is nested too deep is refused, not followed', () => {
  let deep: JsonValue = {}
  for (let level = 0; level < 5_000; level++) deep = { a: deep }
  const schema: JsonSchema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
  assert.throws(() => pruned(schema, deep), StatusError)
})
