import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ANONYMOUS } from '../auth/authenticate.ts'
import { testApi } from './http.fixture.ts'
import { envelope } from './protobuf/encode.fixture.ts'

const NS = '/api/v1/namespaces/default'
const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' }
const configMap = (name: string, data: Record<string, string> = {}) => ({ metadata: { name }, data })
const pod = (name: string, nodeName?: string) => ({
  metadata: { name },
  spec: { containers: [{ name: 'c', image: 'i' }], ...(nodeName && { nodeName }) },
})
const deployment = (name: string) => ({
  metadata: { name },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
  },
})

async function api(overrides?: Parameters<typeof testApi>[0]) {
  const made = await testApi(overrides)
  if (!overrides?.identify) assert.equal((await made.call('POST', '/api/v1/namespaces', { metadata: { name: 'default' } })).status, 201)
  return made
}

test('an object is created, read, replaced, patched and deleted', async () => {
  const { call } = await api()
  const created = await call('POST', `${NS}/configmaps`, configMap('a', { x: '1' }))
  assert.equal(created.status, 201)
  assert.deepEqual([created.json.kind, created.json.apiVersion, created.json.metadata.namespace], ['ConfigMap', 'v1', 'default'])
  const read = await call('GET', `${NS}/configmaps/a`)
  assert.deepEqual(read.json, created.json)
  assert.equal(read.headers.get('content-type'), 'application/json')
  assert.ok(read.text.endsWith('}\n') && !read.text.includes('\n '))
  const replaced = await call('PUT', `${NS}/configmaps/a`, { ...read.json, data: { x: '2' } })
  assert.deepEqual([replaced.status, replaced.json.data], [200, { x: '2' }])
  const patched = await call('PATCH', `${NS}/configmaps/a`, { data: { y: '3' } }, { 'content-type': 'application/merge-patch+json' })
  assert.deepEqual([patched.status, patched.json.data], [200, { x: '2', y: '3' }])
  const deleted = await call('DELETE', `${NS}/configmaps/a`)
  assert.deepEqual(deleted.json, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { name: 'a', kind: 'configmaps', uid: read.json.metadata.uid },
  })
  assert.equal((await call('GET', `${NS}/configmaps/a`)).status, 404)
})

test('lists are XList without kinds inside, a table, or metadata', async () => {
  const { call } = await api()
  for (const name of ['a', 'b']) await call('POST', `${NS}/configmaps`, configMap(name))
  const list = (await call('GET', '/api/v1/configmaps?limit=1')).json
  assert.deepEqual(
    [list.kind, list.apiVersion, list.items.length, list.items[0].kind, list.metadata.remainingItemCount],
    ['ConfigMapList', 'v1', 1, undefined, 1],
  )
  const rest = (await call('GET', `/api/v1/configmaps?limit=1&continue=${encodeURIComponent(list.metadata.continue)}`)).json
  assert.deepEqual(
    rest.items.map((item: { metadata: { name: string } }) => item.metadata.name),
    ['b'],
  )
  const table = (await call('GET', `${NS}/configmaps`, undefined, TABLE)).json
  assert.deepEqual([table.kind, table.rows.map((row: { cells: unknown[] }) => row.cells[0])], ['Table', ['a', 'b']])
  const single = (await call('GET', `${NS}/configmaps/a?includeObject=None`, undefined, TABLE)).json
  assert.deepEqual([single.rows.length, single.rows[0].object], [1, undefined])
  const metadata = (
    await call('GET', `${NS}/configmaps`, undefined, { accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1' })
  ).json
  assert.deepEqual(
    [metadata.kind, metadata.items[0].kind, metadata.items[0].data],
    ['PartialObjectMetadataList', 'PartialObjectMetadata', undefined],
  )
  assert.deepEqual((await call('GET', '/apis/apps/v1/deployments')).json.items, [])
  const collection = (await call('DELETE', `${NS}/configmaps?fieldSelector=metadata.name=a`)).json
  assert.deepEqual([collection.kind, collection.items.length], ['ConfigMapList', 1])
  assert.match(
    (await call('GET', `${NS}/configmaps/b`, undefined, { accept: 'application/yaml' })).text,
    /^apiVersion: v1\nkind: ConfigMap\n/m,
  )
})

/** method, path, body, headers → status, reason, message. */
test('what nobody foresaw is logged and says nothing about our insides', async () => {
  const logged: unknown[] = []
  const { env } = await testApi()
  const log = { ...env.log, error: (_: string, fields?: object) => void logged.push(fields) }
  const boom = {
    name: 'boom',
    admit: () => {
      throw new TypeError('secret 42')
    },
  }
  const { call } = await testApi({ env: { ...env, log }, admission: [boom] })
  const { status, json, text } = await call('POST', '/api/v1/namespaces', { metadata: { name: 'x' } })
  assert.deepEqual([status, json.reason, text.includes('42'), logged.length], [500, 'InternalError', false, 1])
})

test('people get indented JSON, programs get one line', async () => {
  const { call } = await api()
  const isIndented = async (query: string, agent: string) =>
    (await call('GET', `/version${query}`, undefined, { 'user-agent': agent })).text.includes('\n  "major"')
  for (const agent of ['curl/8.0', 'Wget/1.2', 'Mozilla/5.0 (X11)']) assert.ok(await isIndented('', agent), agent)
  assert.ok(await isIndented('?pretty=true', 'kubectl/v1.33'))
  assert.ok(!(await isIndented('', 'kubectl/v1.33')))
  assert.ok(!(await isIndented('?pretty=false', 'curl/8.0')))
})

test('warnings travel in a header; a dry run changes nothing', async () => {
  const { call } = await api()
  const { status, headers } = await call(
    'POST',
    `${NS}/configmaps?dryRun=All`,
    '{"metadata":{"name":"x"},"data":{"a":"1","a":"2"},"sp\\"c":1}',
  )
  assert.deepEqual([status, headers.get('warning')], [201, '299 - "duplicate field \\"data.a\\"", 299 - "unknown field \\"sp\\\\\\"c\\""'])
  assert.equal((await call('GET', `${NS}/configmaps/x`)).status, 404)
})

test('YAML and protobuf bodies become the same objects as JSON', async () => {
  const { call } = await api()
  const yaml = await call('POST', `${NS}/configmaps`, 'metadata: {name: plain}\ndata: {a: "1"}', { 'content-type': 'application/yaml' })
  const protobuf = await call(
    'POST',
    `${NS}/configmaps`,
    envelope('v1', 'ConfigMap', [
      [1, [[1, 'p']]],
      [
        2,
        [
          [1, 'a'],
          [2, '1'],
        ],
      ],
    ]),
    { 'content-type': 'application/vnd.kubernetes.protobuf' },
  )
  assert.deepEqual([yaml.status, yaml.json.data, protobuf.status, protobuf.json.data], [201, { a: '1' }, 201, { a: '1' }])
  const options = envelope('v1', 'DeleteOptions', [[2, [[1, 'other']]]])
  const refused = await call('DELETE', `${NS}/configmaps/p`, options, { 'content-type': 'application/vnd.kubernetes.protobuf' })
  assert.equal(refused.status, 409)
})

test('eviction, binding, status and scale', async () => {
  const { call } = await api()
  await call('POST', `${NS}/pods`, pod('a'))
  await call('POST', '/api/v1/nodes', { metadata: { name: 'pi-1' } })
  const binding = { metadata: { name: 'a' }, target: { kind: 'Node', name: 'pi-1' } }
  assert.equal((await call('POST', `${NS}/pods/a/binding`, { ...binding, metadata: { name: 'b' } })).status, 400)
  assert.equal((await call('POST', `${NS}/pods/a/binding`, binding)).status, 201)
  assert.equal((await call('GET', `${NS}/pods/a`)).json.spec.nodeName, 'pi-1')
  await call('POST', `${NS}/pods`, pod('b'))
  assert.equal((await call('POST', `${NS}/bindings`, { ...binding, metadata: { name: 'b' } })).status, 201)

  const eviction = await call('POST', `${NS}/pods/a/eviction`, {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name: 'a' },
    deleteOptions: { gracePeriodSeconds: 7 },
  })
  assert.deepEqual([eviction.status, eviction.json.status], [201, 'Success'])
  assert.equal((await call('GET', `${NS}/pods/a`)).json.metadata.deletionGracePeriodSeconds, 7)
  assert.equal((await call('POST', `${NS}/pods/none/eviction`, {})).status, 404)

  await call('POST', '/apis/apps/v1/namespaces/default/deployments', deployment('web'))
  const web = '/apis/apps/v1/namespaces/default/deployments/web'
  const scaled = await call('PATCH', `${web}/scale`, { spec: { replicas: 5 } }, { 'content-type': 'application/merge-patch+json' })
  assert.deepEqual([scaled.status, scaled.json.kind, scaled.json.spec.replicas], [200, 'Scale', 5])
  assert.equal((await call('GET', `${web}/scale`)).json.status.selector, 'app=web')
  assert.deepEqual((await call('GET', `${web}/scale`, undefined, TABLE)).json.rows[0].cells.slice(0, 3), ['web', 5, 0])
  const status = await call(
    'PATCH',
    `${web}/status`,
    { spec: { replicas: 9 }, status: { replicas: 3 } },
    { 'content-type': 'application/merge-patch+json' },
  )
  assert.deepEqual([status.json.spec.replicas, status.json.status.replicas], [5, 3])
})

test('discovery is legacy or aggregated, with an ETag', async () => {
  const { call } = await api()
  const accept =
    'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json'
  const aggregated = await call('GET', '/apis', undefined, { accept })
  assert.deepEqual(
    [aggregated.headers.get('content-type'), aggregated.headers.get('vary'), aggregated.json.kind],
    ['application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList', 'Accept', 'APIGroupDiscoveryList'],
  )
  assert.equal((await call('GET', '/apis', undefined, { accept, 'if-none-match': aggregated.headers.get('etag')! })).status, 304)
  const older = await call('GET', '/api', undefined, {
    accept: 'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json',
  })
  assert.equal(older.json.apiVersion, 'apidiscovery.k8s.io/v2beta1')
  assert.equal((await call('GET', '/api')).json.kind, 'APIVersions')
  const groups = (await call('GET', '/apis')).json.groups as { name: string; versions: { groupVersion: string }[] }[]
  assert.ok(groups.some(({ name }) => name === 'apps'))
  for (const { name, versions } of groups) {
    assert.equal((await call('GET', `/apis/${name}`)).status, 200)
    for (const { groupVersion } of versions) assert.equal((await call('GET', `/apis/${groupVersion}`)).json.groupVersion, groupVersion)
  }
})

test('health is for everyone, the rest is not for anonymous', async () => {
  const broken = { name: 'store', check: () => 'disk full at /secret', only: 'readyz' as const }
  const { call } = await testApi({ identify: () => ANONYMOUS, checks: [broken] })
  assert.deepEqual([(await call('GET', '/livez')).status, (await call('GET', '/livez')).text], [200, 'ok'])
  assert.equal((await call('GET', '/healthz?verbose')).text, '[+]ping ok\nhealthz check passed\n')
  const ready = await call('GET', '/readyz')
  assert.deepEqual([ready.status, ready.text], [500, '[+]ping ok\n[-]store failed: reason withheld\nreadyz check failed\n'])
  assert.equal((await call('GET', '/version')).json.gitVersion, 'v1.36.2+bramble.0.1.0')
  const { status, json } = await call('GET', '/api/v1/pods')
  assert.deepEqual(
    [status, json.message],
    [403, 'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" at the cluster scope'],
  )
  assert.equal((await call('GET', '/nonsense')).status, 403)
})

test('reviews answer what the user may', async () => {
  const node = { name: 'system:node:pi-1', groups: ['system:nodes', 'system:authenticated'] }
  const { call } = await testApi({ identify: () => node })
  const ask = async (spec: object) => (await call('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { spec })).json.status
  assert.deepEqual(await ask({ resourceAttributes: { verb: 'list', resource: 'pods' } }), { allowed: false })
  assert.equal((await ask({ nonResourceAttributes: { verb: 'get', path: '/version' } })).allowed, true)
  const who = await call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {})
  assert.deepEqual([who.status, who.json.status], [201, { userInfo: { username: node.name, groups: node.groups } }])
  assert.equal((await call('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', { spec: {} })).status, 403)
  const rules = (await call('POST', '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', { spec: { namespace: 'default' } })).json
    .status
  assert.ok(rules.nonResourceRules.some(({ nonResourceURLs }: { nonResourceURLs: string[] }) => nonResourceURLs.includes('/version')))
})
