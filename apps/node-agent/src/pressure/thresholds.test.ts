import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAgentConfig } from '../config.ts'
import type { Signal } from './signals.ts'
import { levelValue, parseThresholds, type Threshold } from './thresholds.ts'

const of = (thresholds: readonly Threshold[], signal: Signal): Threshold => thresholds.find((threshold) => threshold.signal === signal)!
const MiB = 2 ** 20

const boards = [
  { name: 'memory of 512 MiB', signal: 'memory.available', capacity: 512 * MiB, value: 51 },
  { name: 'memory of 1 GiB', signal: 'memory.available', capacity: 1024 * MiB, value: 100 },
  { name: 'memory of 8 GiB', signal: 'memory.available', capacity: 8192 * MiB, value: 100 },
  { name: 'a card of 4 GiB', signal: 'nodefs.available', capacity: 4096 * MiB, value: 204 },
  { name: 'a card of 32 GiB', signal: 'nodefs.available', capacity: 32_768 * MiB, value: 500 },
] as const
for (const { name, signal, capacity, value } of boards)
  test(`the default is fit for ${name}`, () =>
    assert.equal(Math.floor(levelValue(of(parseThresholds({}), signal).level, capacity) / MiB), value))

test("kubelet's syntax is understood, and what all pods together have is held to the same as memory", () => {
  const thresholds = parseThresholds({
    hard: 'memory.available<50Mi, nodefs.available<5%',
    soft: 'memory.available<100Mi',
    softGrace: 'memory.available=1m30s',
    minReclaim: 'nodefs.available=1Gi',
  })
  assert.deepEqual(thresholds, [
    { signal: 'memory.available', level: { quantity: 50 * MiB }, graceMs: 0 },
    { signal: 'nodefs.available', level: { share: 0.05 }, graceMs: 0, minReclaim: { quantity: 2 ** 30 } },
    { signal: 'memory.available', level: { quantity: 100 * MiB }, graceMs: 90_000 },
    { signal: 'allocatableMemory.available', level: { quantity: 50 * MiB }, graceMs: 0 },
  ])
})

test('nothing is ended where an operator says so', () => assert.deepEqual(parseThresholds({ hard: '' }), []))

const bad = [
  { name: 'an unknown signal', given: { 'eviction-hard': 'disk.available<5%' }, says: /"disk.available" is no eviction signal/ },
  { name: 'no number', given: { 'eviction-hard': 'memory.available<much' }, says: /must be a quantity such as 100Mi/ },
  { name: 'more than all', given: { 'eviction-hard': 'memory.available<101%' }, says: /must be a quantity/ },
  { name: 'the same twice', given: { 'eviction-hard': 'memory.available<1Mi,memory.available<2Mi' }, says: /duplicate/ },
  { name: 'another operator', given: { 'eviction-hard': 'memory.available>5%' }, says: /must be <signal><<value>/ },
  { name: 'a soft one without grace', given: { 'eviction-soft': 'memory.available<5%' }, says: /grace period must be specified/ },
  { name: 'a reserve of nothing known', given: { 'kube-reserved': 'gpu=1' }, says: /kube-reserved/ },
  { name: 'a reserve without amount', given: { 'system-reserved': 'memory=lots' }, says: /"lots" is no amount/ },
]
for (const { name, given, says } of bad)
  test(`it is refused: ${name}`, () => assert.throws(() => parseAgentConfig(given), { message: says }))

test('reserves are read', () => {
  const { pressure } = parseAgentConfig({ 'system-reserved': 'cpu=100m,memory=100Mi', 'kube-reserved': 'ephemeral-storage=1Gi' })
  assert.deepEqual(pressure.systemReserved, { cpuMillis: 100, memoryBytes: 100 * MiB, diskBytes: 0 })
  assert.deepEqual(pressure.kubeReserved, { cpuMillis: 0, memoryBytes: 0, diskBytes: 2 ** 30 })
})
