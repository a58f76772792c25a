import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testApi } from './http.fixture.ts'

const APPLY = { 'content-type': 'application/apply-patch+yaml' }
const MAPS = '/api/v1/namespaces/default/configmaps'
const map = (data: object, metadata: object = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm', ...metadata }, data })

async function api() {
  const made = await testApi()
  await made.call('POST', '/api/v1/namespaces', { metadata: { name: 'default' } })
  const apply = (query: string, body: unknown, name = 'm') => made.call('PATCH', `${MAPS}/${name}?${query}`, body, APPLY)
  return { ...made, apply }
}

test('the first apply makes the object, the next changes it: JSON or YAML, as Helm and kubectl send it', async () => {
  const { apply } = await api()
  const helm = 'fieldManager=helm&fieldValidation=Strict&force=false'
  const made = await apply(helm, map({ a: '1' }))
  assert.deepEqual([made.status, made.json.data], [201, { a: '1' }])
  const again = await apply(helm, map({ a: '1' }))
  assert.deepEqual([again.status, again.json], [200, made.json])
  const yaml = await apply('fieldManager=kubectl', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata:\n  b: "2"\n')
  assert.deepEqual([yaml.status, yaml.json.data], [200, { a: '1', b: '2' }])
  const refused = await apply(helm, map({ a: '1', b: '3' }))
  assert.deepEqual(
    [refused.status, refused.json.reason, refused.json.message],
    [409, 'Conflict', 'Apply failed with 1 conflict: conflict with "kubectl": .data.b'],
  )
  const forced = await apply('fieldManager=helm&force=true', map({ a: '1', b: '3' }))
  assert.deepEqual(
    forced.json.metadata.managedFields.map((entry: { manager: string }) => entry.manager),
    ['helm'],
  )
})

test('who applies must say who he is', async () => {
  const { apply } = await api()
  const { status, json } = await apply('', map({}))
  assert.deepEqual(
    [status, json.message],
    [422, 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'],
  )
})

test('keys that occur twice are refused, warned of, or nothing, as the client wishes', async () => {
  const { apply } = await api()
  const twice = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {a: "1", a: "2"}\n'
  const strict = await apply('fieldManager=A&fieldValidation=Strict', twice)
  assert.equal(strict.status, 400)
  assert.match(
    strict.json.message,
    /^error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:.*key "a" already set in map$/s,
  )
  const warned = await apply('fieldManager=A', twice)
  assert.equal(warned.status, 201)
  assert.match(warned.headers.get('warning') ?? '', /already set in map/)
  assert.equal((await apply('fieldManager=A&fieldValidation=Ignore', twice)).headers.get('warning'), null)
})

test('kubectl hands the fields of its old way to its new one: a JSON patch that holds only for the state it was made from', async () => {
  const { apply, call } = await api()
  const { json: made } = await call('POST', `${MAPS}?fieldManager=kubectl-client-side-apply`, map({ a: '1' }))
  const upgrade = (resourceVersion: string) =>
    call(
      'PATCH',
      `${MAPS}/m`,
      [
        {
          op: 'replace',
          path: '/metadata/managedFields',
          value: [{ ...made.metadata.managedFields[0], manager: 'kubectl', operation: 'Apply' }],
        },
        { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
      ],
      { 'content-type': 'application/json-patch+json' },
    )
  const stale = await upgrade('1')
  assert.deepEqual([stale.status, stale.json.reason], [409, 'Conflict'])
  const upgraded = await upgrade(made.metadata.resourceVersion)
  assert.equal(upgraded.status, 200)
  assert.deepEqual([upgraded.json.metadata.managedFields.length, upgraded.json.metadata.managedFields[0].operation], [1, 'Apply'])
  const dropped = await apply('fieldManager=kubectl', map({ b: '1' }))
  assert.deepEqual(dropped.json.data, { b: '1' })
})

test('a patch that takes away the last entry leaves nothing', async () => {
  const { call } = await api()
  await call('POST', MAPS, map({ a: '1' }))
  for (const [type, patch] of [
    ['merge-patch', { data: { a: null } }],
    ['strategic-merge-patch', { data: { b: null }, metadata: { labels: {} } }],
    ['json-patch', [{ op: 'add', path: '/data', value: {} }]],
  ] as const) {
    const { status, json } = await call('PATCH', `${MAPS}/m`, patch, { 'content-type': `application/${type}+json` })
    assert.deepEqual([status, 'data' in json, 'labels' in json.metadata], [200, false, false], type)
  }
})

test('no managed fields are invented for an object that has none', async () => {
  const { call } = await api()
  await call('POST', MAPS, map({ a: '1' }))
  const none = await call('PUT', `${MAPS}/m`, map({ a: '1' }, { managedFields: [{}] }))
  assert.equal(none.json.metadata.managedFields, undefined)
  const patched = await call('PATCH', `${MAPS}/m`, { data: { a: '2' } }, { 'content-type': 'application/merge-patch+json' })
  assert.equal(patched.json.metadata.managedFields, undefined)
})

test('a User-Agent names who writes, up to the first slash', async () => {
  const { call } = await api()
  const { json } = await call('POST', MAPS, map({ a: '1' }), { 'user-agent': 'manager/v1.2 (linux/amd64) kubernetes/abc' })
  const [entry] = json.metadata.managedFields
  assert.deepEqual(
    { ...entry, time: '' },
    {
      manager: 'manager',
      operation: 'Update',
      apiVersion: 'v1',
      time: '',
      fieldsType: 'FieldsV1',
      fieldsV1: { 'f:data': { '.': {}, 'f:a': {} } },
    },
  )
})
