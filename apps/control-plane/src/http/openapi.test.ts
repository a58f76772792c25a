import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import type { CustomResourceDefinition } from '@bramble/api/types/custom-resource-definition'
import { aCrd } from '../api/custom/crd.fixture.ts'
import { customDefinitions } from '../api/custom/definition.ts'
import { testApi } from './http.fixture.ts'

const PROTOBUF = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'
let folder: string
let api: Awaited<ReturnType<typeof testApi>>
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bramble-openapi-'))
  api = await testApi({ openapiFolder: folder })
})
after(() => rm(folder, { recursive: true, force: true }))

test('the index names a document for each group and version, and each is there', async () => {
  const { paths } = (await api.call('GET', '/openapi/v3')).json as { paths: Record<string, { serverRelativeURL: string }> }
  assert.deepEqual(
    Object.keys(paths),
    api.registry.groupVersions().map(({ group, version }) => (group === '' ? `api/${version}` : `apis/${group}/${version}`)),
  )
  for (const { serverRelativeURL } of Object.values(paths)) {
    const { status, json, headers } = await api.call('GET', serverRelativeURL)
    assert.deepEqual([status, json.openapi, headers.get('cache-control')], [200, '3.0.0', 'public, immutable'])
    assert.ok(Date.parse(headers.get('expires')!) > api.env.clock.nowMs())
    assert.match(headers.get('etag')!, /^"[0-9A-F]{64}"$/)
  }
})

test('a document that the client has is not sent again', async () => {
  const first = await api.call('GET', '/openapi/v3/apis/apps/v1')
  assert.deepEqual([first.status, first.headers.get('cache-control')], [200, 'no-cache, private'])
  const etag = first.headers.get('etag')!
  const again = await api.call('GET', '/openapi/v3/apis/apps/v1', undefined, { 'if-none-match': etag })
  assert.deepEqual([again.status, again.text, again.headers.get('etag')], [304, '', etag])
})

test('an old hash leads to the new one, an unknown group nowhere', async () => {
  const moved = await api.call('GET', '/openapi/v3/api/v1?hash=OLD')
  assert.equal(moved.status, 301)
  assert.match(moved.headers.get('location')!, /^\/openapi\/v3\/api\/v1\?hash=[0-9A-F]{64}$/)
  for (const path of ['/openapi/v3/api/v9', '/openapi/v3/apis/none/v1', '/openapi/v3/../../etc/passwd', '/openapi/v3/__proto__'])
    assert.equal((await api.call('GET', path)).status, 404, path)
})

test('clients that take gzip get the file as it is, others get the text', async () => {
  const plain = await api.call('GET', '/openapi/v3/apis/apps/v1')
  const response = await api.app.request('/openapi/v3/apis/apps/v1', { headers: { 'accept-encoding': 'gzip' } })
  const bytes = Buffer.from(await response.arrayBuffer())
  assert.deepEqual([response.headers.get('content-encoding'), Number(response.headers.get('content-length'))], ['gzip', bytes.length])
  assert.equal(gunzipSync(bytes).toString(), plain.text)
})

test('version 2 is JSON, or protobuf for who asks for that', async () => {
  for (const accept of [undefined, 'application/json', '*/*']) {
    const { status, json, headers } = await api.call('GET', '/openapi/v2', undefined, accept === undefined ? {} : { accept })
    assert.deepEqual([status, json.swagger, headers.get('content-type')], [200, '2.0', 'application/json'])
    assert.ok(json.definitions['io.k8s.api.core.v1.Pod'])
  }
  const protobuf = await api.call('GET', '/openapi/v2', undefined, { accept: PROTOBUF })
  assert.deepEqual(
    [protobuf.status, protobuf.headers.get('content-type')],
    [200, 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'],
  )
  assert.ok(protobuf.text.startsWith('\n\x032.0'))
  assert.equal((await api.call('GET', '/openapi/v2', undefined, { accept: 'text/html' })).status, 406)
})

test('kinds that are defined while we run are there at once, in both versions; groups that stay keep their hash', async () => {
  const index = async () => (await api.call('GET', '/openapi/v3')).json.paths as Record<string, { serverRelativeURL: string }>
  const before = await index()
  api.registry.setCustom(customDefinitions(WIDGET, { isTerminating: false }, new AbortController().signal))
  const after = await index()
  assert.equal(before['apis/example.com/v1'], undefined)
  assert.deepEqual(after['apis/apps/v1'], before['apis/apps/v1'])
  const v3 = (await api.call('GET', after['apis/example.com/v1']!.serverRelativeURL)).json
  const v2 = (await api.call('GET', '/openapi/v2')).json
  for (const [{ paths }, schemas] of [
    [v3, v3.components.schemas],
    [v2, v2.definitions],
  ]) {
    assert.equal(
      paths['/apis/example.com/v1/namespaces/{namespace}/widgets/{name}'].patch['x-kubernetes-group-version-kind'].kind,
      'Widget',
    )
    assert.equal(schemas['com.example.v1.Widget'].properties.spec.properties.size.description, 'How large.')
    assert.ok(schemas['com.example.v1.WidgetList'])
  }
  api.registry.setCustom([])
  assert.deepEqual(await index(), before)
})

const WIDGET = aCrd({
  spec: { type: 'object', properties: { size: { type: 'integer', description: 'How large.' } } },
}) as unknown as CustomResourceDefinition

test('without a folder there is none', async () => {
  const { call } = await testApi()
  assert.equal((await call('GET', '/openapi/v3')).status, 404)
})
