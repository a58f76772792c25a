import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { testApi } from './http.fixture.ts'

const PATH = '/api/v1/componentstatuses'
const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' }

async function api(t: TestContext) {
  let wrong: string | undefined
  const components = [
    { name: 'scheduler', check: () => undefined },
    { name: 'store', check: () => wrong },
  ]
  const { call, store } = await testApi({ components })
  t.after(() => store.close())
  const breaks = (why: string | undefined): void => {
    wrong = why
  }
  return { call, breaks }
}

test('the parts of the control plane are listed as they are now', async (t) => {
  const { call, breaks } = await api(t)
  const rows = async () => (await call('GET', PATH, undefined, TABLE)).json.rows.map(({ cells }: { cells: unknown[] }) => cells)
  assert.deepEqual(await rows(), [
    ['scheduler', 'Healthy', 'ok', ''],
    ['store', 'Healthy', 'ok', ''],
  ])
  breaks('the disk is full')
  assert.deepEqual(await rows(), [
    ['scheduler', 'Healthy', 'ok', ''],
    ['store', 'Unhealthy', 'the disk is full', ''],
  ])
  breaks(undefined)
  assert.deepEqual((await rows())[1], ['store', 'Healthy', 'ok', ''])
})

test('a list has no version, can be narrowed, and says that it is deprecated', async (t) => {
  const { call } = await api(t)
  const { json, headers } = await call('GET', `${PATH}?fieldSelector=metadata.name%3Dstore`)
  assert.deepEqual(json, {
    kind: 'ComponentStatusList',
    apiVersion: 'v1',
    metadata: {},
    items: [{ metadata: { name: 'store' }, conditions: [{ type: 'Healthy', status: 'True', message: 'ok' }] }],
  })
  assert.equal(headers.get('warning'), '299 - "v1 ComponentStatus is deprecated in v1.19+"')
})

test('one part is read by its name; nothing can be written or watched', async (t) => {
  const { call } = await api(t)
  const { json } = await call('GET', `${PATH}/scheduler`)
  assert.deepEqual([json.kind, json.metadata.name, json.conditions[0].status], ['ComponentStatus', 'scheduler', 'True'])
  const missing = await call('GET', `${PATH}/etcd-0`)
  assert.deepEqual([missing.status, missing.json.message], [404, 'componentstatuses "etcd-0" not found'])
  for (const [method, path] of [
    ['POST', PATH],
    ['DELETE', `${PATH}/store`],
    ['GET', `${PATH}?watch=1`],
  ] as const)
    assert.equal((await call(method, path, method === 'POST' ? {} : undefined)).status, 405, `${method} ${path}`)
})

test('both kinds that are not stored are discovered', async (t) => {
  const { call } = await api(t)
  const { json } = await call('GET', '/api/v1')
  const found = (plural: string) => json.resources.find(({ name }: { name: string }) => name === plural)
  assert.deepEqual(found('bindings'), { name: 'bindings', singularName: 'binding', namespaced: true, kind: 'Binding', verbs: ['create'] })
  const { kind, namespaced, verbs, shortNames } = found('componentstatuses')
  assert.deepEqual([kind, namespaced, verbs, shortNames], ['ComponentStatus', false, ['get', 'list'], ['cs']])
  const bindings = '/api/v1/namespaces/default/bindings'
  assert.deepEqual([(await call('GET', bindings)).status, (await call('POST', `${bindings}/x`, {})).status], [405, 405])
})
