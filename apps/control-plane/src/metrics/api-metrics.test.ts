import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { ApiMetrics, type RequestLabels } from './api-metrics.ts'
import { processMetrics } from '@bramble/reconcile/metrics/process-metrics'
import { metricsText } from '@bramble/reconcile/metrics/text'

const PODS: RequestLabels = { verb: 'LIST', group: '', version: 'v1', resource: 'pods', subresource: '', scope: 'cluster', dryRun: '' }

test('requests in flight come and go, and streams have no duration', () => {
  const metrics = new ApiMetrics()
  const value = (name: string, labels: object) =>
    metrics
      .families()
      .find((family) => family.name === name)!
      .samples.find((sample) => Object.entries(labels).every(([key, wanted]) => sample.labels[key] === wanted))?.value
  const [read, write] = [metrics.begin('GET'), metrics.begin('POST')]
  const watch = { ...PODS, verb: 'WATCH' }
  assert.equal(value('apiserver_current_inflight_requests', { request_kind: 'readOnly' }), 1)
  assert.equal(value('apiserver_current_inflight_requests', { request_kind: 'mutating' }), 1)
  read()
  write()
  metrics.answered(watch, 200, undefined)
  const ended = metrics.opened(watch)
  metrics.watchEvents(watch, 3)
  assert.equal(value('apiserver_longrunning_requests', { verb: 'WATCH', resource: 'pods' }), 1)
  ended()
  assert.equal(value('apiserver_longrunning_requests', { verb: 'WATCH', resource: 'pods' }), 0)
  assert.equal(value('apiserver_current_inflight_requests', { request_kind: 'mutating' }), 0)
  assert.equal(value('apiserver_watch_events_total', { resource: 'pods' }), 3)
  assert.equal(value('apiserver_request_total', { verb: 'WATCH', code: '200' }), 1)
  assert.equal(value('apiserver_request_duration_seconds', {}), undefined)
})

const promtool = spawnSync('promtool', ['--version'])
test('promtool has nothing to complain about', { skip: promtool.error && 'there is no promtool here' }, async () => {
  const metrics = new ApiMetrics()
  metrics.answered(PODS, 200, 0.02)
  metrics.opened({ ...PODS, verb: 'WATCH' })
  const text = metricsText([...metrics.families(), ...(await processMetrics())])
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
  assert.equal(`${status} ${stdout}${stderr}`, '0 ')
})
