import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '@bramble/reconcile/sim/seeded'
import { decodeProtobuf } from './decode.ts'
import { WireError } from './wire.ts'
import { bytes, crdWith, envelope, named } from './encode.fixture.ts'
import { FieldTable, type FieldType } from './fields.ts'

const POD = { apiVersion: 'v1', kind: 'Pod' }

const refused: readonly (readonly [string, Buffer, RegExp])[] = [
  ['another prefix', Buffer.from('{"kind":"Pod"}'), /expected prefix/],
  ['nothing', Buffer.alloc(0), /^empty data$/],
  ['nothing after the prefix', Buffer.from('k8s\0'), /^empty body$/],
  [
    'an unknown kind',
    envelope('v1', 'Nonsense', []),
    /^no kind "Nonsense" is registered for version "v1" in scheme "pkg\/api\/legacyscheme\/scheme\.go:30"$/,
  ],
  ['a custom resource', envelope('example.com/v1', 'Pod', []), /no kind "Pod"/],
  ['a length beyond the end', Buffer.concat([Buffer.from('k8s\0'), Buffer.from([0x12, 0xff, 0xff, 0xff, 0x7f])]), /unexpected EOF/],
  [
    'a length beyond any',
    Buffer.concat([Buffer.from('k8s\0'), Buffer.from([0x12, ...Array(9).fill(0xff), 1])]),
    /^proto: negative length found during unmarshaling$/,
  ],
  ['an endless number', Buffer.concat([Buffer.from('k8s\0'), Buffer.alloc(20, 0xff)]), /^proto: integer overflow$/],
  ['a number where a text belongs', envelope('v1', 'Namespace', [[1, [[1, 7]]]]), /^proto: wrong wireType = 0 for field Name$/],
  ['a time after the end of time', envelope('v1', 'Namespace', [[1, [[8, [[1, 999_999_999_999_999n]]]]]]), /time out of range/],
  ['broken embedded JSON', envelope('apps/v1', 'ControllerRevision', [[2, [[1, '{']]]]), /embedded JSON/],
  ['nesting without end', envelope('apiextensions.k8s.io/v1', 'CustomResourceDefinition', crdWith(deepSchema(5000))), /exceeded max depth/],
  ['millions of empty values', envelope('v1', 'Pod', [[2, Buffer.alloc(1_200_000, Buffer.from([0x12, 0]))]]), /too many values/],
]
for (const [name, body, message] of refused)
  test(`refused: ${name}`, () => assert.throws(() => decodeProtobuf(body, POD), { name: /WireError$/, message }))

/** `not` in `not` in `not` …: field 28 of JSONSchemaProps. */
function deepSchema(depth: number): Buffer {
  let schema: Buffer = Buffer.alloc(0)
  for (let level = 0; level < depth; level++) schema = bytes([[28, schema]])
  return schema
}

test('a body cut or changed anywhere is decoded or refused, never anything else', () => {
  const whole = envelope('v1', 'Pod', [
    [1, named('p')],
    [
      2,
      [
        [
          2,
          [
            [1, 'c'],
            [2, 'i'],
            [
              8,
              [
                [
                  1,
                  [
                    [1, 'cpu'],
                    [2, [[1, '1']]],
                  ],
                ],
              ],
            ],
          ],
        ],
        [26, 'default'],
      ],
    ],
  ])
  for (let length = 0; length < whole.length; length++) tolerate(whole.subarray(0, length))
  for (let seed = 1; seed <= 2000; seed++) {
    const random = seeded(seed)
    const changed = Buffer.from(whole)
    for (let count = 0; count < 3; count++) changed[4 + Math.floor(random() * (whole.length - 4))] = Math.floor(random() * 256)
    tolerate(changed, `seed ${seed}`)
  }
})

function tolerate(body: Buffer, message?: string): void {
  try {
    decodeProtobuf(body, POD)
  } catch (error) {
    assert.ok(error instanceof WireError, message)
  }
}

test('every message that the table mentions is in the table', () => {
  const table = new FieldTable()
  const check = (type: FieldType): void => {
    if (type.of) check(type.of)
    else if (type.is === 'message') table.message(type.name)
  }
  for (const name of table.names()) for (const { type } of table.message(name).values()) check(type)
  assert.ok(table.names().length > 500)
})
