import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ResourceDefinition } from '../api/resource.ts'
import { testApi } from './http.fixture.ts'

const CAGES: ResourceDefinition = {
  group: 'zoo.example.com',
  version: 'v1',
  kind: 'Cage',
  plural: 'cages',
  scope: 'Namespaced',
  durability: 'durable',
  schema: { type: 'any' },
  columns: [],
}
const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'

test('discovery follows kinds that come and go: the tag changes with them, and is the old one when they have gone', async () => {
  const { call, registry } = await testApi()
  const ask = (tag = '') => call('GET', '/apis', undefined, { accept: AGGREGATED, ...(tag !== '' && { 'if-none-match': tag }) })
  const groups = (json: { items: { metadata: { name: string } }[] }) => json.items.map(({ metadata }) => metadata.name)
  const before = await ask()
  const tag = before.headers.get('etag')!
  assert.equal((await ask(tag)).status, 304)

  registry.setCustom([CAGES])
  const during = await ask(tag)
  assert.equal(during.status, 200)
  assert.deepEqual(
    groups(during.json).filter((name) => !groups(before.json).includes(name)),
    ['zoo.example.com'],
  )
  assert.equal((await call('GET', '/apis/zoo.example.com/v1')).json.resources[0].name, 'cages')
  assert.equal((await call('GET', '/apis/zoo.example.com')).json.preferredVersion.groupVersion, 'zoo.example.com/v1')

  registry.setCustom([])
  assert.equal((await ask()).headers.get('etag'), tag)
  assert.equal((await call('GET', '/apis/zoo.example.com/v1')).status, 404)
})

test('a version that is deprecated says so to whoever uses it, other kinds do not', async () => {
  const { call, registry } = await testApi()
  const custom = { read: () => ({ value: {}, unknown: [] }), openapi: () => ({}), gone: new AbortController().signal, countsStatus: true }
  registry.setCustom([
    { ...CAGES, custom, deprecation: 'use "v2"' },
    { ...CAGES, version: 'v2', custom },
  ])
  assert.equal((await call('GET', '/apis/zoo.example.com/v1/cages')).headers.get('warning'), '299 - "use \\"v2\\""')
  assert.equal((await call('GET', '/apis/zoo.example.com/v2/cages')).headers.get('warning'), null)
  assert.match((await call('GET', '/api/v1/endpoints')).headers.get('warning')!, /"v1 Endpoints is deprecated in v1\.33\+; use /)
})
