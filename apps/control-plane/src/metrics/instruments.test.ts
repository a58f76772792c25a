import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { ApiMetrics, type RequestLabels } from './api-metrics.ts'
import { single } from './family.ts'
import { Count, Histogram } from './instruments.ts'
import { processMetrics } from './process-metrics.ts'
import { metricsText } from './text.ts'

const PODS: RequestLabels = { verb: 'LIST', group: '', version: 'v1', resource: 'pods', subresource: '', scope: 'cluster', dryRun: '' }

test('a count goes by its labels, in the order in which they came', () => {
  const count = new Count('counter', { name: 'a_total', help: 'A.', labels: ['x', 'y'] })
  count.add(['1', 'b'])
  count.add(['2', 'b'], 5)
  count.add(['1', 'b'], 2)
  assert.equal(metricsText([count.family()]), '# HELP a_total A.\n# TYPE a_total counter\na_total{x="1",y="b"} 3\na_total{x="2",y="b"} 5\n')
})

test('a histogram counts each value in its bucket and in all larger ones', () => {
  const histogram = new Histogram({ name: 's', help: 'S.', labels: ['x'] }, [0.1, 1])
  for (const value of [0.05, 0.1, 0.5, 7]) histogram.observe(['a'], value)
  assert.deepEqual(metricsText([histogram.family('t')]).split('\n'), [
    '# HELP t S.',
    '# TYPE t histogram',
    't_bucket{x="a",le="0.1"} 2',
    't_bucket{x="a",le="1"} 3',
    't_bucket{x="a",le="+Inf"} 4',
    't_sum{x="a"} 7.65',
    't_count{x="a"} 4',
    '',
  ])
})

test('what would break a line is escaped', () => {
  const text = metricsText([single('gauge', 'g', 'two\nlines \\ "quoted"', 1, { v: 'a"b\\c\nd' })])
  assert.equal(text, '# HELP g two\\nlines \\\\ "quoted"\n# TYPE g gauge\ng{v="a\\"b\\\\c\\nd"} 1\n')
})

test('numbers beyond numbers have names', () => {
  const values = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 1e21]
  const lines = values.map((value) => metricsText([single('gauge', 'g', '', value)]).split('\n')[2])
  assert.deepEqual(lines, ['g +Inf', 'g -Inf', 'g NaN', 'g 1e+21'])
})

test('a family without a sample is not there', () => {
  assert.equal(metricsText([new Count('counter', { name: 'a', help: '', labels: [] }).family()]), '\n')
})

test('memory has a bound, however many labels a client makes up', () => {
  const count = new Count('counter', { name: 'a', help: '', labels: ['x'] })
  for (let index = 0; index < 10_000; index++) count.add([String(index)])
  count.add(['0'])
  const { samples } = count.family()
  assert.deepEqual([samples.length, samples[0]!.value], [4_000, 2])
})

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
