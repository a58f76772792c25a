import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { testApi } from './http.fixture.ts'

// `fieldValidation` as clients meet it: what refuses a write, what becomes a warning, what is said of nothing.

const PATH = '/api/v1/namespaces/default/configmaps'
const JSON_BODY = '{"metadata":{"name":"NAME"},"date":{"a":"1"},"data":{"b":"1","b":"2"},"Data":{}}'
const YAML_BODY = 'metadata: {name: NAME}\nzoo: 1\ndate: 1\ndata:\n  b: x\n  b: z\n'
const YAML = 'application/yaml'
const APPLY = 'application/apply-patch+yaml'
const JSON_PROBLEMS = ['unknown field "date"', 'duplicate field "data.b"', 'unknown field "Data"']
const CANNOT = 'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: '

let api: Awaited<ReturnType<typeof testApi>>
before(async () => {
  api = await testApi()
  await api.call('POST', '/api/v1/namespaces', { metadata: { name: 'default' } })
})

let count = 0
async function write(method: string, body: string, type: string, fieldValidation: string) {
  const name = `c${++count}`
  const path = method === 'PATCH' ? `${PATH}/${name}?fieldManager=me&` : `${PATH}?`
  const { status, json, headers } = await api.call(method, `${path}fieldValidation=${fieldValidation}`, body.replace('NAME', name), {
    'content-type': type,
  })
  const warnings = [...(headers.get('warning') ?? '').matchAll(/299 - "((?:[^"\\]|\\.)*)"/g)].map(([, text]) =>
    text!.replace(/\\(.)/g, '$1'),
  )
  return { status, json, warnings }
}

test('Strict refuses with all that is wrong, in the order of the text', async () => {
  const { status, json } = await write('POST', JSON_BODY, 'application/json', 'Strict')
  assert.deepEqual([status, json.reason, json.message], [400, 'BadRequest', CANNOT + JSON_PROBLEMS.join(', ')])
})

for (const fieldValidation of ['Warn', ''])
  test(`${fieldValidation || 'no wish'} writes and warns of each`, async () => {
    const { status, json, warnings } = await write('POST', JSON_BODY, 'application/json', fieldValidation)
    assert.deepEqual([status, json.data, warnings], [201, { b: '2' }, JSON_PROBLEMS])
  })

test('Ignore writes and says nothing', async () => {
  const { status, json, warnings } = await write('POST', JSON_BODY, 'application/json', 'Ignore')
  assert.deepEqual([status, json.data, warnings], [201, { b: '2' }, []])
})

test('of YAML the repeated keys come first, with their lines, then unknown fields by name', async () => {
  const refused = await write('POST', YAML_BODY, YAML, 'Strict')
  const key = 'line 6: key "b" already set in map'
  assert.equal(refused.json.message, `${CANNOT}yaml: unmarshal errors:\n  ${key}, unknown field "date", unknown field "zoo"`)
  const written = await write('POST', YAML_BODY, YAML, 'Warn')
  assert.deepEqual([written.status, written.warnings], [201, [key, 'unknown field "date"', 'unknown field "zoo"']])
})

test('what is applied has repeated keys refused or told, with their lines', async () => {
  const body = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME}\ndata:\n  b: x\n  b: z\n'
  const refused = await write('PATCH', body, APPLY, 'Strict')
  const key = 'line 6: key "b" already set in map'
  assert.deepEqual(
    [refused.status, refused.json.message],
    [400, `error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  ${key}`],
  )
  const applied = await write('PATCH', body, APPLY, 'Warn')
  assert.deepEqual([applied.status, applied.json.data, applied.warnings], [201, { b: 'z' }, [key]])
  assert.deepEqual((await write('PATCH', body, APPLY, 'Ignore')).warnings, [])
})

test('a merge patch is refused for what it repeats and for what nobody knows', async () => {
  await api.call('POST', PATH, { metadata: { name: 'patched' } })
  const patch = '{"data":{"b":"1","b":"2"},"date":1}'
  const type = { 'content-type': 'application/merge-patch+json' }
  const refused = await api.call('PATCH', `${PATH}/patched?fieldValidation=Strict`, patch, type)
  assert.equal(refused.status, 422)
  assert.match(refused.json.message, /strict decoding error: duplicate field "data\.b", unknown field "date"$/)
  const written = await api.call('PATCH', `${PATH}/patched`, patch, type)
  assert.equal(written.headers.get('warning'), '299 - "duplicate field \\"data.b\\"", 299 - "unknown field \\"date\\""')
})
