import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject, JsonValue, KubeObject } from '@bramble/api/object'
import type { PatchType, WriteContext } from '../requests.ts'
import { aDeployment, DEPLOYMENTS } from '../test-bench.ts'
import { applyPatchTo, namesManagedFields } from './apply-patch.ts'

const context: WriteContext = {
  user: { name: 'anna', groups: [] },
  dryRun: false,
  fieldManager: 'test',
  fieldValidation: 'Strict',
  warn: () => {},
}
const web = { apiVersion: 'apps/v1', kind: 'Deployment', ...aDeployment('web') } as unknown as KubeObject
const patched = (type: Exclude<PatchType, 'apply'>, patch: JsonValue): KubeObject => applyPatchTo(DEPLOYMENTS, web, type, patch, context)
const container = (fields: JsonObject): JsonObject => ({ spec: { template: { spec: { containers: [{ name: 'app', ...fields }] } } } })

/** Values of the wrong type, in the words of a server that decodes no JSON after a strategic merge. */
const restored: readonly [patch: JsonObject, shown: string, why: string][] = [
  [{ spec: { replicas: 'x' } }, 'map[spec:map[replicas:x]]', 'unrecognized type: int32'],
  [{ spec: { replicas: 1.5 } }, 'map[spec:map[replicas:1.5]]', 'cannot convert float64 to int32'],
  [{ spec: { paused: 1 } }, 'map[spec:map[paused:1]]', 'unrecognized type: bool'],
  [{ metadata: { labels: { a: true } } }, 'map[metadata:map[labels:map[a:true]]]', 'unrecognized type: string'],
  [{ metadata: { labels: { a: 1 } } }, 'map[metadata:map[labels:map[a:1]]]', 'cannot convert int64 to string'],
  [{ metadata: { labels: 'x' } }, 'map[metadata:map[labels:x]]', 'cannot restore map from string'],
  [{ spec: { template: [] } }, 'map[spec:map[template:[]]]', 'cannot restore struct from: slice'],
  [{ spec: 'x' }, 'map[spec:x]', 'cannot restore struct from: string'],
  [
    container({ command: 'ls' }),
    'map[spec:map[template:map[spec:map[containers:[map[command:ls name:app]]]]]]',
    'cannot restore slice from string',
  ],
]
for (const [patch, shown, why] of restored)
  test(`a strategic merge patch ${shown} is refused: ${why}`, () =>
    assert.throws(() => patched('strategic', patch), {
      code: 422,
      reason: 'Invalid',
      message: ` "" is invalid: patch: Invalid value: ${JSON.stringify(shown)}: ${why}`,
    }))

test('other patches show what they made, and Go’s words for JSON', () => {
  assert.throws(() => patched('merge', { spec: { replicas: 'x' } }), {
    code: 422,
    message:
      /^ "" is invalid: patch: Invalid value: "\{\\"apiVersion\\":\\"apps\/v1\\",.*\\"replicas\\":\\"x\\".*: json: cannot unmarshal string into Go struct field DeploymentSpec\.spec\.replicas of type int32$/,
  })
})

let deep: JsonValue = {}
for (let level = 0; level < 200; level++) deep = { a: deep }
const refused: readonly [name: string, type: Exclude<PatchType, 'apply'>, patch: JsonValue, code: number, message: RegExp][] = [
  ['a merge patch that is nested without end', 'merge', { metadata: deep }, 400, /nested more than 100 levels deep/],
  ['a strategic merge patch that is nested without end', 'strategic', { metadata: deep }, 400, /nested more than 100 levels deep/],
  [
    'a value that is nested without end',
    'json',
    [{ op: 'add', path: '/metadata/labels', value: deep }],
    400,
    /nested more than 100 levels deep/,
  ],
  ['a prototype', 'merge', JSON.parse('{"metadata":{"labels":{"__proto__":{"x":"y"}}}}') as JsonValue, 400, /"__proto__" is not allowed/],
  [
    'more operations than anyone needs',
    'json',
    Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/kind', value: 'Deployment' })),
    413,
    /^Request entity is too large: The allowed maximum operations in a JSON patch is 10000, got 10001$/,
  ],
  [
    'copies of copies',
    'json',
    [
      { op: 'add', path: '/metadata/annotations', value: { a: 'x'.repeat(1000) } },
      ...Array.from({ length: 40 }, (_, index) => ({ op: 'copy', from: '/metadata/annotations', path: `/metadata/annotations/b${index}` })),
    ],
    413,
    /copies that the JSON patch makes are too large/,
  ],
  ['a kind', 'merge', { kind: 'Pod' }, 400, /may not change apiVersion and kind/],
]
for (const [name, type, patch, code, message] of refused)
  test(`refuses ${name}`, () => assert.throws(() => patched(type, patch), { code, message }))

test('ten thousand operations are allowed', () => {
  const patch = Array.from({ length: 10_000 }, () => ({ op: 'test', path: '/kind', value: 'Deployment' }))
  assert.equal(patched('json', patch).metadata.name, 'web')
})

const naming: readonly [PatchType, JsonValue, boolean][] = [
  ['merge', { metadata: { managedFields: [] } }, true],
  ['merge', { metadata: { labels: {} } }, false],
  ['strategic', { data: {} }, false],
  ['json', [{ op: 'replace', path: '/metadata/managedFields/0/manager', value: 'x' }], true],
  ['json', [{ op: 'copy', from: '/metadata', path: '/x' }], true],
  ['json', [{ op: 'test', path: '', value: {} }], true],
  ['json', [{ op: 'replace', path: '/spec/replicas', value: 1 }], false],
]
for (const [type, patch, expected] of naming)
  test(`a ${type} patch ${JSON.stringify(patch)} is ${expected ? '' : 'not '}about who owns what`, () =>
    assert.equal(namesManagedFields(type, patch), expected))
