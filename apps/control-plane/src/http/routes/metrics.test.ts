import assert from 'node:assert/strict'
import { test } from 'node:test'
import { storeMetrics } from '../../metrics/store-metrics.ts'
import { testApi } from '../http.fixture.ts'

const NS = '/api/v1/namespaces/default'

/** The metrics after some requests, by line. */
async function scrape(api: Awaited<ReturnType<typeof testApi>>) {
  const { status, headers, text } = await api.call('GET', '/metrics')
  assert.deepEqual([status, headers.get('content-type')], [200, 'text/plain; version=0.0.4; charset=utf-8'])
  return new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
}
const requests = (metrics: ReadonlyMap<string, number>) =>
  [...metrics].flatMap(([name, value]) => {
    const labels = /^apiserver_request_total\{(.*)\}$/.exec(name)?.[1]
    return labels === undefined ? [] : [`${labels.replace(/component="apiserver",|\w+="",?/g, '').replace(/,$/, '')} ${value}`]
  })

test('requests count by verb, kind, scope and code; names that nobody knows do not count by name', async () => {
  const api = await testApi()
  await api.call('POST', '/api/v1/namespaces', { metadata: { name: 'default' } })
  await api.call('POST', `${NS}/configmaps?dryRun=All`, { metadata: { name: 'a' } })
  await api.call('GET', `${NS}/pods`)
  await api.call('GET', `${NS}/pods`)
  await api.call('GET', '/apis/apps/v1/deployments')
  await api.call('GET', '/apis/apps/v1/namespaces/default/deployments/x/scale')
  await api.call('GET', `${NS}/pods/x/soul`)
  for (const nonsense of ['a', 'b', 'c']) await api.call('GET', `/apis/${nonsense}/v1/${nonsense}/${nonsense}`)
  await api.call('PROPFIND', `${NS}/pods/x`)
  assert.deepEqual(requests(await scrape(api)), [
    'code="201",resource="namespaces",scope="resource",verb="POST",version="v1" 1',
    'code="201",dry_run="All",resource="configmaps",scope="resource",verb="POST",version="v1" 1',
    'code="200",resource="pods",scope="namespace",verb="LIST",version="v1" 2',
    'code="200",group="apps",resource="deployments",scope="cluster",verb="LIST",version="v1" 1',
    'code="404",group="apps",resource="deployments",scope="resource",subresource="scale",verb="GET",version="v1" 1',
    'code="404",resource="pods",scope="resource",verb="GET",version="v1" 1',
    'code="404",verb="GET" 3',
    'code="405",verb="other" 1',
  ])
})

test('durations are in buckets, under the old and the new name', async () => {
  const api = await testApi()
  await api.call('GET', '/api/v1/nodes')
  const metrics = await scrape(api)
  const labels = 'component="apiserver",dry_run="",group="",resource="nodes",scope="cluster",subresource="",verb="LIST",version="v1"'
  for (const name of ['apiserver_request_duration_seconds', 'apiserver_request_sli_duration_seconds'])
    assert.deepEqual([metrics.get(`${name}_bucket{${labels},le="+Inf"}`), metrics.get(`${name}_count{${labels}}`)], [1, 1])
})

test('what is stored, and of what; the scrape itself is in flight', async () => {
  const made = await testApi()
  const api = await testApi({ ...made, metricSources: [storeMetrics(made.store, made.registry)] })
  await made.call('POST', '/api/v1/namespaces', { metadata: { name: 'default' } })
  for (const name of ['a', 'b']) await made.call('POST', `${NS}/configmaps`, { metadata: { name } })
  await made.call('DELETE', `${NS}/configmaps/a`)
  const metrics = await scrape(api)
  assert.deepEqual(
    [
      metrics.get('apiserver_storage_objects{resource="configmaps"}'),
      metrics.get('apiserver_storage_objects{resource="deployments.apps"}'),
      metrics.get('apiserver_resource_objects{group="",resource="configmaps"}'),
      metrics.get('bramble_store_commits_total{kind="disk",result="stored"}'),
      metrics.get('bramble_store_commit_duration_seconds_count'),
      metrics.get('apiserver_current_inflight_requests{request_kind="readOnly"}'),
      metrics.get('apiserver_current_inflight_requests{request_kind="mutating"}'),
    ],
    [1, 0, 1, 4, 4, 1, 0],
  )
  assert.equal([...metrics.keys()].filter((name) => name.startsWith('kubernetes_build_info{') && name.includes('minor="36"')).length, 1)
  for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'process_open_fds', 'nodejs_heap_size_used_bytes'])
    assert.ok(metrics.get(name)! > 0, name)
})

test('metrics are not for anybody', async () => {
  const { call } = await testApi({ identify: () => ({ name: 'anna', groups: ['system:authenticated'] }) })
  const { status, json } = await call('GET', '/metrics')
  assert.deepEqual([status, json.message], [403, 'forbidden: User "anna" cannot get path "/metrics"'])
})
