import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { testApi } from './http.fixture.ts'

const MAPS = '/api/v1/namespaces/default/configmaps'
const METADATA = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1'
const METADATA_LIST = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1'

/** Two ConfigMaps that are 160 kB together. */
async function filled() {
  const api = await testApi()
  await api.call('POST', '/api/v1/namespaces', { metadata: { name: 'default' } })
  for (const name of ['a', 'b'])
    await api.call('POST', MAPS, { metadata: { name, labels: { at: name } }, data: { text: 'x'.repeat(80_000) } })
  const fetch = async (path: string, headers: Record<string, string>, method = 'GET') => {
    const response = await api.app.request(path, { method, headers })
    return { status: response.status, headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) }
  }
  return { ...api, fetch }
}

const compressed: readonly (readonly [title: string, path: string, acceptEncoding: string, isCompressed: boolean])[] = [
  ['a large list', MAPS, 'gzip', true],
  ['a large list, among others', MAPS, 'deflate, gzip;q=0.5, br', true],
  ['a large list as YAML', `${MAPS}?yaml`, 'gzip', true],
  ['a large list for who refuses it', MAPS, 'gzip;q=0, identity', false],
  ['a large list for who does not ask', MAPS, '', false],
  ['one object of 80 kB', `${MAPS}/a`, 'gzip', false],
]
for (const [title, path, encoding, isCompressed] of compressed)
  test(`${title}: ${isCompressed ? 'compressed' : 'as it is'}`, async () => {
    const { fetch } = await filled()
    const accept = path.endsWith('yaml') ? 'application/yaml' : 'application/json'
    const plain = await fetch(path, { accept })
    const { headers, bytes } = await fetch(path, { accept, 'accept-encoding': encoding })
    assert.equal(headers.get('content-encoding'), isCompressed ? 'gzip' : null)
    assert.deepEqual((isCompressed ? gunzipSync(bytes) : bytes).equals(plain.bytes), true)
    if (isCompressed) assert.equal(headers.get('vary'), 'Accept-Encoding')
  })

test('HEAD answers as GET does, without a body', async () => {
  const { fetch } = await filled()
  for (const [path, status] of [
    [MAPS, 200],
    [`${MAPS}/a`, 200],
    [`${MAPS}/none`, 404],
    ['/api/v1', 200],
    ['/version', 200],
    ['/readyz', 200],
    ['/nonsense', 404],
  ] as const) {
    const { status: found, bytes } = await fetch(path, { 'accept-encoding': 'gzip' }, 'HEAD')
    assert.deepEqual([path, found, bytes.length], [path, status, 0])
  }
})

test('answers are not for caches', async () => {
  const { fetch } = await filled()
  for (const path of [MAPS, `${MAPS}/a`, `${MAPS}/none`, '/version'])
    assert.equal((await fetch(path, {})).headers.get('cache-control'), 'no-cache, private', path)
})

test('metadata of one and of many are asked for by different names', async () => {
  const { call } = await filled()
  const list = (await call('GET', MAPS, undefined, { accept: METADATA_LIST })).json
  assert.deepEqual(
    [list.kind, list.apiVersion, list.items[0].kind, list.items[0].data],
    ['PartialObjectMetadataList', 'meta.k8s.io/v1', 'PartialObjectMetadata', undefined],
  )
  const one = (await call('GET', `${MAPS}/a`, undefined, { accept: METADATA })).json
  assert.deepEqual([one.kind, one.metadata.labels, one.data], ['PartialObjectMetadata', { at: 'a' }, undefined])
  const page = (await call('GET', `${MAPS}?limit=1`, undefined, { accept: METADATA_LIST })).json
  assert.deepEqual([page.items.length, page.metadata.remainingItemCount, typeof page.metadata.continue], [1, 1, 'string'])

  for (const [path, accept, message] of [
    [MAPS, METADATA, 'you requested PartialObjectMetadata, but the requested object is a list (ConfigMapList)'],
    [`${MAPS}/a`, METADATA_LIST, 'you requested PartialObjectMetadataList, but the requested object is not a list (ConfigMap)'],
  ] as const) {
    const { status, json } = await call('GET', path, undefined, { accept })
    assert.deepEqual([status, json.reason, json.message], [406, 'NotAcceptable', message])
  }
})

test('a table says what stands beside its rows', async () => {
  const { call } = await filled()
  const table = async (query: string) =>
    (await call('GET', `${MAPS}?limit=1&${query}`, undefined, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' })).json
  const plain = await table('')
  assert.deepEqual([plain.rows.length, plain.rows[0].object.kind, plain.metadata.remainingItemCount], [1, 'PartialObjectMetadata', 1])
  assert.equal((await table('includeObject=None')).rows[0].object, undefined)
  assert.equal((await table('includeObject=Object')).rows[0].object.kind, 'ConfigMap')
  assert.equal((await table('includeObject=Nonsense')).code, 400)
})

test('numbers that are none are told in the words of the real server', async () => {
  const { call } = await filled()
  const message = async (limit: string) => (await call('GET', `${MAPS}?limit=${limit}`)).json.message
  assert.equal(await message('many'), 'strconv.ParseInt: parsing "many": invalid syntax')
  assert.equal(await message('1.5'), 'strconv.ParseInt: parsing "1.5": invalid syntax')
  assert.equal(await message('9223372036854775808'), 'strconv.ParseInt: parsing "9223372036854775808": value out of range')
  for (const all of ['', '0', '-1', '1000000000000000000']) assert.equal((await call('GET', `${MAPS}?limit=${all}`)).json.items.length, 2)
})
