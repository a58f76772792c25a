import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Progress } from '@bramble/provisioning/flash/write-image'
import { humanBytes, progressLine, ProgressView } from './progress.ts'

const GB = 1e9
const cases: readonly { readonly name: string; readonly at: Progress; readonly elapsedMs: number; readonly line: string }[] = [
  { name: 'the beginning', at: { phase: 'write', bytes: 0, totalBytes: 2 * GB }, elapsedMs: 0, line: 'writing  0 kB of 2.00 GB  0 %' },
  {
    name: 'the middle',
    at: { phase: 'write', bytes: GB, totalBytes: 2 * GB },
    elapsedMs: 50_000,
    line: 'writing  1.00 GB of 2.00 GB  50 %  20 MB/s  50 s left',
  },
  {
    name: 'minutes',
    at: { phase: 'verify', bytes: 4e6, totalBytes: GB },
    elapsedMs: 1_000,
    line: 'checking  4 MB of 1.00 GB  0 %  4 MB/s  4 min 9 s left',
  },
  {
    name: 'hours',
    at: { phase: 'write', bytes: 1e6, totalBytes: 8 * GB },
    elapsedMs: 1_000,
    line: 'writing  1 MB of 8.00 GB  0 %  1 MB/s  2 h 13 min left',
  },
  {
    name: 'the end',
    at: { phase: 'write', bytes: GB, totalBytes: GB },
    elapsedMs: 1_000,
    line: 'writing  1.00 GB of 1.00 GB  100 %  1.00 GB/s',
  },
  {
    name: 'an image of unknown size',
    at: { phase: 'write', bytes: 5e6, totalBytes: undefined },
    elapsedMs: 1_000,
    line: 'writing  5 MB  5 MB/s',
  },
]
for (const { name, at, elapsedMs, line } of cases) test(`a line for ${name}`, () => assert.equal(progressLine(at, elapsedMs), line))

function drawn(isTTY: boolean, steps: readonly (readonly [number, Progress])[]): string {
  const written: string[] = []
  let nowMs = 0
  const view = new ProgressView({ isTTY, columns: 40, write: (more: string) => written.push(more) }, () => nowMs)
  for (const [atMs, at] of steps) {
    nowMs = atMs
    view.show(at)
  }
  view.end()
  return written.join('')
}
const steps = Array.from({ length: 101 }, (_, index) => [index * 50, { phase: 'write', bytes: index * 1e7, totalBytes: GB }] as const)

test('a log gets a line for every tenth, and no escape sequences', () => {
  const text = drawn(false, steps)
  assert.equal(text.trimEnd().split('\n').length, 11)
  assert.ok(!/[\r\x1b]/.test(text))
})

test('a terminal gets one line, drawn over itself a few times a second and never wider than it', () => {
  const text = drawn(true, [...steps, [6000, { phase: 'verify', bytes: GB, totalBytes: GB }]])
  const lines = text.split('\n')
  assert.equal(lines.length, 3)
  const draws = lines[0]!.split('\r').slice(1)
  assert.ok(draws.length < 40, `${draws.length} times`)
  for (const draw of draws) assert.ok(draw.replace('\x1b[K', '').length < 40)
  assert.match(lines[0]!, /writing {2}1\.00 GB of 1\.00 GB {2}100 %[^\r]*$/)
  assert.match(lines[1]!, /checking/)
})

test('sizes are told as they stand on cards', () => {
  assert.deepEqual([31_914_983_424, 512e6, 999, 0].map(humanBytes), ['31.91 GB', '512 MB', '1 kB', '0 kB'])
})
