import assert from 'node:assert/strict'
import { test } from 'node:test'
import { negotiateObject, negotiateType } from './negotiate.ts'

const object = { format: 'json', as: 'object', version: 'v1' }
const table = { format: 'json', as: 'table', version: 'v1' }

const cases: readonly (readonly [string | undefined, object])[] = [
  [undefined, object],
  ['', object],
  ['*/*', object],
  ['application/json, */*', object],
  ['application/json; charset=utf-8', object],
  ['application/vnd.kubernetes.protobuf,application/json', object],
  ['application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json', table],
  ['application/json;as=Table;v=v1beta1;g=meta.k8s.io', { ...table, version: 'v1beta1' }],
  ['application/json;as=Table;v=v2;g=meta.k8s.io,application/json', object],
  ['application/json;q=0.5,application/json;as="Table";v=v1;g=meta.k8s.io;q=0.9', table],
  [
    'application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json',
    { format: 'json', as: 'metadata', version: 'v1', ofList: true },
  ],
  ['application/yaml', { ...object, format: 'yaml' }],
  ['text/html, application/yaml;q=0.2, application/json;q=0.1', { ...object, format: 'yaml' }],
  ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', object],
]
for (const [accept, expected] of cases) test(`Accept: ${accept}`, () => assert.deepEqual(negotiateObject(accept), expected))

const UNKNOWN_TYPE = '406: Not Acceptable\n\nAvailable representations: application/json, application/yaml'
const UNKNOWN_SHAPE = 'only the following media types are accepted: application/json, application/yaml'
const refused: readonly (readonly [accept: string, message: string])[] = [
  ['text/html', UNKNOWN_TYPE],
  ['application/vnd.kubernetes.protobuf', UNKNOWN_TYPE],
  ['application/json;q=0', UNKNOWN_TYPE],
  [',;,', UNKNOWN_TYPE],
  ['application/json;as=Nonsense;g=meta.k8s.io;v=v1', UNKNOWN_SHAPE],
  ['application/json;as=Table;g=meta.k8s.io;v=v7', UNKNOWN_SHAPE],
  ['application/json;as=Table', UNKNOWN_SHAPE],
  ['text/html,application/yaml;as=Table;g=x;v=v1', UNKNOWN_SHAPE],
]
for (const [accept, message] of refused)
  test(`Accept: ${accept} gets 406`, () => assert.throws(() => negotiateObject(accept), { code: 406, reason: 'NotAcceptable', message }))

test('types are chosen by what the client wants most', () => {
  assert.equal(negotiateType('b/x;q=0.1, a/y', ['b/x', 'a/y']), 'a/y')
  assert.equal(negotiateType('a/*', ['b/x', 'a/y']), 'a/y')
  assert.throws(() => negotiateType('c/z', ['b/x', 'a/y']), { code: 406 })
})
