import assert from 'node:assert/strict'
import { test } from 'node:test'
import { single } from './family.ts'
import { Count, Histogram } from './instruments.ts'
import { metricsText } from './text.ts'

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
