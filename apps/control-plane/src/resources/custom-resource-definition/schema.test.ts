import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { JsonSchema } from '@bramble/api/types/custom-resource-definition'
import { loadLibraries } from '../../api/custom/libraries.ts'
import { validateSchema } from './validate-schema.ts'

before(() => loadLibraries({ pattern: '', 'x-kubernetes-validations': [] }))

const CONTEXT = { hasStatus: false, apiVersion: 'example.com/v1' }
const shown = (schema: JsonSchema, hasStatus = false): string[] =>
  validateSchema(schema, { ...CONTEXT, hasStatus }, '$').map(({ path, message }) => `${path}: ${message}`)

const of = (a: JsonSchema): JsonSchema => ({ type: 'object', properties: { a } })
const AT = '$.properties[a]'
const strings: JsonSchema = { type: 'array', items: { type: 'string' } }
const keyed = (
  more: Partial<JsonSchema> = {},
  items: JsonSchema = { type: 'object', required: ['k'], properties: { k: { type: 'string' } } },
): JsonSchema => ({
  type: 'array',
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['k'],
  items,
  ...more,
})
/** Keywords that the types leave out because every schema is refused for them. */
const odd = (schema: object): JsonSchema => schema as JsonSchema

const CASES: readonly (readonly [string, JsonSchema, readonly string[]])[] = [
  ['a good one', of({ type: 'string', default: 'x', maxLength: 3 }), []],
  ['no type at the root', {}, ['$.type: Required value: must not be empty at the root']],
  ['another type at the root', { type: 'string' }, ['$.type: Invalid value: "string": must be object at the root']],
  ['null at the root', { type: 'object', nullable: true }, ['$.nullable: Forbidden: nullable cannot be true at the root']],
  [
    'a map at the root',
    { type: 'object', additionalProperties: { type: 'string' } },
    ['$.additionalProperties: Forbidden: must not be used at the root'],
  ],
  ['no type of a field', of({}), [`${AT}.type: Required value: must not be empty for specified object fields`]],
  [
    'no type of an item',
    of({ type: 'array', items: {} }),
    [`${AT}.items.type: Required value: must not be empty for specified array items`],
  ],
  ['no items of a list', of({ type: 'array' }), [`${AT}.items: Required value: must be specified`]],
  [
    'a type that there is not',
    of({ type: 'text' }),
    [`${AT}.type: Unsupported value: "text": supported values: "array", "boolean", "integer", "number", "object", "string"`],
  ],
  ['null as a type', of({ type: 'null' }), [`${AT}.type: Forbidden: type cannot be set to null, use nullable as an alternative`]],
  [
    'what nobody decides in time',
    of({ ...strings, uniqueItems: true }),
    [`${AT}.uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic`],
  ],
  [
    'words that are not supported',
    of(odd({ type: 'object', $ref: '#/a', definitions: {}, patternProperties: {} })),
    [
      `${AT}.patternProperties: Forbidden: patternProperties is not supported`,
      `${AT}.definitions: Forbidden: definitions is not supported`,
      `${AT}.$ref: Forbidden: $ref is not supported`,
    ],
  ],
  [
    'several schemas of items',
    of(odd({ type: 'array', items: [{ type: 'string' }] })),
    [`${AT}.items: Forbidden: items must be a schema object and not an array`],
  ],
  [
    'fields beside a map',
    of({ type: 'object', properties: { b: { type: 'string' } }, additionalProperties: { type: 'string' } }),
    [`${AT}.additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive`],
  ],
  [
    'no more fields',
    of({ type: 'object', additionalProperties: false }),
    [`${AT}.additionalProperties: Forbidden: additionalProperties cannot be set to false`],
  ],
  [
    'a pattern that is none',
    of({ type: 'string', pattern: '(' }),
    [`${AT}.pattern: Invalid value: "(": must be a valid regular expression, but isn't: error parsing regexp: missing closing ): \`(\``],
  ],
  [
    'unknown fields that do not stay',
    of({ type: 'object', 'x-kubernetes-preserve-unknown-fields': false }),
    [`${AT}.x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined`],
  ],
  [
    'a type beside an integer or text',
    of({ type: 'string', 'x-kubernetes-int-or-string': true }),
    [`${AT}.type: Forbidden: must be empty if x-kubernetes-int-or-string is true`],
  ],
  ['the one alternative of types', of({ 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] }), []],
  [
    'that alternative and more',
    of({ 'x-kubernetes-int-or-string': true, allOf: [{ anyOf: [{ type: 'integer' }, { type: 'string' }] }, { pattern: 'a' }] }),
    [],
  ],
  [
    'another alternative of types',
    of({ type: 'string', anyOf: [{ type: 'string' }, { maxLength: 1 }] }),
    [`${AT}.anyOf[0].type: Forbidden: must be empty to be structural`],
  ],
  [
    'texts in an alternative',
    of({ type: 'string', allOf: [{ description: 'x', default: 'y' }] }),
    [
      `${AT}.allOf[0].default: Forbidden: must be undefined to be structural`,
      `${AT}.allOf[0].description: Forbidden: must be empty to be structural`,
    ],
  ],
  [
    'a field that only an alternative knows',
    of({ type: 'object', oneOf: [{ properties: { b: { minimum: 1 } } }] }),
    [`${AT}.properties[b]: Required value: because it is defined in ${AT}.oneOf[0].properties[b]`],
  ],
  [
    'an alternative that speaks of a field',
    of({ type: 'object', properties: { b: { type: 'integer' } }, not: { properties: { b: { minimum: 1 } } } }),
    [],
  ],
  [
    'metadata in an alternative',
    { type: 'object', properties: { metadata: { type: 'object' } }, anyOf: [{ properties: { metadata: {} } }] },
    ['$.anyOf[0].properties[metadata]: Forbidden: must not be specified in a nested context'],
  ],
  [
    'labels of the object',
    { type: 'object', properties: { metadata: { type: 'object', properties: { labels: { type: 'object' } } } } },
    ['$.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified'],
  ],
  [
    'the name of the object',
    { type: 'object', properties: { metadata: { type: 'object', properties: { name: { type: 'string', maxLength: 5 } } } } },
    [],
  ],
  [
    'a default of the kind',
    { type: 'object', properties: { kind: { type: 'string', default: 'X' } } },
    ['$.properties[kind].default: Forbidden: must not be set in top-level metadata, apiVersion and kind'],
  ],
  [
    'another type of the kind',
    { type: 'object', properties: { kind: { type: 'integer' } } },
    ['$.properties[kind].type: Invalid value: "integer": must be string'],
  ],
  [
    'an object within that says nothing',
    of({ type: 'object', 'x-kubernetes-embedded-resource': true }),
    [
      `${AT}.properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields`,
    ],
  ],
  [
    'an object within that is a list',
    of({ ...strings, 'x-kubernetes-embedded-resource': true }),
    [
      `${AT}.properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields`,
      `${AT}.type: Invalid value: "array": must be object if x-kubernetes-embedded-resource is true`,
    ],
  ],
  [
    'a list type of what is no list',
    of({ type: 'string', 'x-kubernetes-list-type': 'set' }),
    [`${AT}.type: Invalid value: "string": must be array if x-kubernetes-list-type is specified`],
  ],
  [
    'a list type that there is not',
    of({ ...strings, 'x-kubernetes-list-type': 'bag' }),
    [`${AT}.x-kubernetes-list-type: Unsupported value: "bag": supported values: "atomic", "map", "set"`],
  ],
  [
    'a map type of what is no map',
    of({ type: 'string', 'x-kubernetes-map-type': 'atomic' }),
    [`${AT}.type: Invalid value: "string": must be object if x-kubernetes-map-type is specified`],
  ],
  [
    'keys without a map',
    of({ ...strings, 'x-kubernetes-list-map-keys': ['k'] }),
    [`${AT}.x-kubernetes-list-type: Required value: must be map if x-kubernetes-list-map-keys is non-empty`],
  ],
  [
    'a map without keys',
    of(keyed({ 'x-kubernetes-list-map-keys': [] })),
    [`${AT}.x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map`],
  ],
  [
    'a map of texts',
    of(keyed({}, { type: 'string' })),
    [
      `${AT}.items.type: Invalid value: "string": must be object if parent array's x-kubernetes-list-type is map`,
      `${AT}.x-kubernetes-list-map-keys: Invalid value: ["k"]: entries must all be names of item properties`,
    ],
  ],
  [
    'a key that may be missing',
    of(keyed({}, { type: 'object', properties: { k: { type: 'string' } } })),
    [
      `${AT}.items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property`,
    ],
  ],
  [
    'a key that may be null',
    of(keyed({}, { type: 'object', required: ['k'], properties: { k: { type: 'string', nullable: true } } })),
    [`${AT}.items.properties[k].nullable: Forbidden: this property is in x-kubernetes-list-map-keys, so it cannot be nullable`],
  ],
  [
    'a key that is a list',
    of(keyed({}, { type: 'object', required: ['k'], properties: { k: strings } })),
    [`${AT}.items.properties[k].type: Invalid value: "array": must be a scalar type if parent array's x-kubernetes-list-type is map`],
  ],
  [
    'a set of objects',
    of({ type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'object' } }),
    [`${AT}.items.x-kubernetes-map-type: Forbidden: must be atomic as item of a list with x-kubernetes-list-type=set`],
  ],
  [
    'a set of nulls',
    of({ type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string', nullable: true } }),
    [`${AT}.items.nullable: Forbidden: cannot be nullable when x-kubernetes-list-type is set`],
  ],
  [
    'a default of another type',
    of({ type: 'integer', default: 'x' }),
    [`${AT}.default: Invalid value: "string": ${AT}.default in body must be of type integer: "string"`],
  ],
  [
    'a default with a field that is unknown',
    of({ type: 'object', default: { b: 1 } }),
    [`${AT}.default: Invalid value: {"b":1}: must not have unknown fields`],
  ],
  [
    'a default that lacks a field',
    of({ type: 'object', required: ['b'], properties: { b: { type: 'string' } }, default: {} }),
    [`${AT}.default.b: Required value`],
  ],
]
for (const [name, schema, expected] of CASES) test(`schema: ${name}`, () => assert.deepEqual(shown(schema), expected))

test('beside a status of its own a schema says nothing of the whole', () => {
  assert.match(
    shown({ type: 'object', minProperties: 1 }, true)[0]!,
    /^\$: Invalid value: \["minProperties"\]: only .* fields are allowed at the root of the schema if the status subresource is enabled$/,
  )
  assert.deepEqual(shown({ type: 'object', required: ['spec'], properties: { spec: { type: 'object' } } }, true), [])
})

test('a schema that is nested too deep is refused before anything looks into it', () => {
  let deep: JsonSchema = { type: 'string' }
  for (let level = 0; level < 150; level++) deep = { type: 'object', properties: { a: deep } }
  assert.match(shown(deep)[0]!, /schemas may not be nested more than 100 levels deep/)
})

const ruled = (rule: object, more: Partial<JsonSchema> = {}): JsonSchema =>
  of({ type: 'object', properties: { n: { type: 'integer' } }, ...more, 'x-kubernetes-validations': [{ rule: 'self.n > 0', ...rule }] })
const RULE = `${AT}.x-kubernetes-validations[0]`

const RULES: readonly (readonly [string, JsonSchema, readonly string[]])[] = [
  ['a good one', ruled({ message: 'm', reason: 'FieldValueForbidden', fieldPath: '.n', messageExpression: '"n" + string(self.n)' }), []],
  ['nothing to say', ruled({ rule: ' ' }), [`${RULE}.rule: Required value: rule is not specified`]],
  ['a message of nothing', ruled({ message: ' ' }), [`${RULE}.message: Invalid value: " ": message must be non-empty if specified`]],
  ['a message of two lines', ruled({ message: 'a\nb' }), [`${RULE}.message: Invalid value: "a\\nb": message must not contain line breaks`]],
  [
    'a long rule without a message',
    ruled({ rule: 'self.n\n> 0' }),
    [`${RULE}.message: Required value: message must be specified if rule contains line breaks`],
  ],
  [
    'a reason that there is not',
    ruled({ reason: 'Because' }),
    [
      `${RULE}.reason: Unsupported value: "Because": supported values: "FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"`,
    ],
  ],
  [
    'a field that there is not',
    ruled({ fieldPath: '.m' }),
    [`${RULE}.fieldPath: Invalid value: ".m": fieldPath must be a valid path: does not refer to a valid field`],
  ],
  [
    'a field that there is not, in the rule',
    ruled({ rule: 'self.m > 0' }),
    [
      `${RULE}.rule: Invalid value: {"rule":"self.m > 0"}: compilation failed: ERROR: <input>:1:5: undefined field 'm'\n | self.m > 0\n | ....^`,
    ],
  ],
  [
    'a message that is no text',
    ruled({ messageExpression: 'self.n' }),
    [
      `${RULE}.messageExpression: Invalid value: {"rule":"self.n > 0","messageExpression":"self.n"}: messageExpression must evaluate to a string`,
    ],
  ],
  [
    'an old value that is optional for nothing',
    ruled({ optionalOldSelf: true }),
    [`${RULE}.optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule`],
  ],
  [
    'an old value that nobody can find',
    of({ type: 'array', items: { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self == oldSelf' }] } }),
    [
      `${AT}.items.x-kubernetes-validations[0].rule: Invalid value: "self == oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema within ${AT}`,
    ],
  ],
  [
    'a value of no type',
    of({ 'x-kubernetes-preserve-unknown-fields': true, 'x-kubernetes-validations': [{ rule: 'true' }] }),
    [
      `${RULE}.rule: Invalid value: {"rule":"true"}: compilation failed: rules cannot be used where a schema does not say what type a value has`,
    ],
  ],
]
for (const [name, schema, expected] of RULES) test(`rule: ${name}`, () => assert.deepEqual(shown(schema), expected))

test('a schema that is too much to take in is refused at once', () => {
  const many = (count: number, of: (index: number) => JsonSchema): JsonSchema => ({
    type: 'object',
    properties: Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${index}`, of(index)])),
  })
  const rule = (text: string): JsonSchema => ({ type: 'string', 'x-kubernetes-validations': [{ rule: text }] })
  const cases: readonly (readonly [JsonSchema, RegExp])[] = [
    [
      many(2_000, (index) => ({ type: 'string', pattern: `a{${(index % 500) + 500}}b{${index % 900}}` })),
      /steps of all patterns in one schema may not be more than 30000/,
    ],
    [many(1_001, () => rule('true')), /rules in one schema may not be more than 1000/],
    [many(3, () => rule(`true${' && true'.repeat(10_000)}`)), /characters of all rules in one schema may not be more than 200000/],
    [
      { ...many(50_000, () => ({ type: 'string' })), ...rule('true'), type: 'object' },
      /values that rules look at in one schema may not be more than 40000/,
    ],
  ]
  for (const [schema, message] of cases) assert.match(shown(schema).join('\n'), message)
})

test('a default keeps the rules', () => {
  const message = 'positive'
  assert.deepEqual(shown(ruled({ message }, { default: { n: 0 } })), [`${AT}.default: Invalid value: "object": positive`])
  assert.deepEqual(shown(ruled({ message }, { default: { n: 1 } })), [])
})
