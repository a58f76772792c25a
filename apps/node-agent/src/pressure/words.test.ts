import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodSpec } from '@bramble/api/types/pod'
import { aContainer, aPod } from '../pods/pods-harness.ts'
import { refusedUnder } from './admission.ts'
import type { PodUse } from './pod-use.ts'
import type { Observations, PressureType, Signal } from './signals.ts'
import { storageExcess } from './storage-limits.ts'
import { bytesText, evictionMessage } from './words.ts'

const MiB = 2 ** 20
const seen = (signal: Signal, available: number, capacity: number): Observations => new Map([[signal, { available, capacity }]])
const limited = (kind: 'requests' | 'limits', amount: Record<string, string>) => aContainer('main', { resources: { [kind]: amount } })

test('who is evicted for memory is told what it used', () => {
  const use: PodUse = {
    pod: aPod('web', { containers: [limited('requests', { memory: '10Mi' }), aContainer('side')] }),
    containers: [
      { name: 'main', memoryBytes: 30 * MiB },
      { name: 'side', memoryBytes: 1500 },
    ],
  }
  assert.equal(
    evictionMessage(
      use,
      { signal: 'memory.available', level: { quantity: 100 * MiB }, graceMs: 0 },
      seen('memory.available', 50 * MiB + 1024, 2 ** 30),
    ),
    'The node was low on resource: memory. Threshold quantity: 100Mi, available: 51201Ki. ' +
      'Container main was using 30Mi, request is 10Mi, has larger consumption of memory. ' +
      'Container side was using 1500, request is 0, has larger consumption of memory. ',
  )
})

test('who is evicted for the disk or for processes is told so, and who kept to its request is not blamed', () => {
  const use: PodUse = { pod: aPod('web'), containers: [{ name: 'main', memoryBytes: 30 * MiB, diskBytes: 0 }] }
  assert.equal(
    evictionMessage(use, { signal: 'nodefs.available', level: { share: 0.05 }, graceMs: 0 }, seen('nodefs.available', 0, 2 ** 30)),
    `The node was low on resource: ephemeral-storage. Threshold quantity: ${Math.floor(2 ** 30 / 20)}, available: 0. `,
  )
  assert.equal(
    evictionMessage(use, { signal: 'pid.available', level: { quantity: 1000 }, graceMs: 0 }, seen('pid.available', 7, 9000)),
    'The node was low on resource: pids. Threshold quantity: 1k, available: 7. ',
  )
})

test('bytes read as in the API', () =>
  assert.deepEqual([0, 1023, 1024, 1536, 2 ** 30, 3 * MiB].map(bytesText), ['0', '1023', '1Ki', '1536', '1Gi', '3Mi']))

const KEPT = 'The node had condition: [MemoryPressure]. '
const admissions: readonly {
  name: string
  pressures: readonly PressureType[]
  spec?: Partial<PodSpec>
  static?: true
  message?: string
}[] = [
  { name: 'anybody while nothing is short', pressures: [] },
  { name: 'nobody without requests while memory is short', pressures: ['MemoryPressure'], message: KEPT },
  {
    name: 'who asked for memory while it is short',
    pressures: ['MemoryPressure'],
    spec: { containers: [limited('requests', { memory: '1Mi' })] },
  },
  {
    name: 'who tolerates that memory is short',
    pressures: ['MemoryPressure'],
    spec: { tolerations: [{ key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' }] },
  },
  { name: 'who tolerates everything', pressures: ['MemoryPressure'], spec: { tolerations: [{ operator: 'Exists' }] } },
  {
    name: 'nobody while the disk is short',
    pressures: ['DiskPressure'],
    spec: { containers: [limited('requests', { memory: '1Mi' })] },
    message: 'The node had condition: [DiskPressure]. ',
  },
  {
    name: 'nobody while both are short',
    pressures: ['DiskPressure', 'MemoryPressure'],
    spec: { tolerations: [{ operator: 'Exists' }] },
    message: 'The node had condition: [DiskPressure MemoryPressure]. ',
  },
  { name: 'critical ones always', pressures: ['DiskPressure'], spec: { priority: 2_000_000_000 } },
  { name: 'pods of its own always', pressures: ['DiskPressure'], static: true },
]
for (const { name, pressures, spec, static: isStatic, message } of admissions)
  test(`a node takes in ${name}`, () => {
    const pod = aPod('web', spec, isStatic ? { annotations: { 'kubernetes.io/config.source': 'file' } } : {})
    assert.deepEqual(refusedUnder(pressures, pod), message === undefined ? undefined : { reason: 'Evicted', message })
  })

const disk = (volume: number, logBytes = 0, layerBytes = 0) => ({
  volumes: [{ name: 'cache', usedBytes: volume, inodes: 1, inMemory: false }],
  logBytes,
  layerBytes,
  layerInodes: 0,
})
const withVolume: Partial<PodSpec> = { volumes: [{ name: 'cache', emptyDir: { sizeLimit: '10Mi' } }] }
const withLimit: Partial<PodSpec> = { containers: [limited('limits', { 'ephemeral-storage': '20Mi' })] }
const two: Partial<PodSpec> = {
  containers: [
    limited('limits', { 'ephemeral-storage': '1Mi' }),
    aContainer('big', { resources: { limits: { 'ephemeral-storage': '1Gi' } } }),
  ],
}
const excesses: readonly { name: string; spec: Partial<PodSpec>; use: Partial<PodUse>; says: string | undefined }[] = [
  { name: 'a volume within its limit is none', spec: withVolume, use: { disk: disk(10 * MiB) }, says: undefined },
  {
    name: 'a volume beyond its limit',
    spec: withVolume,
    use: { disk: disk(10 * MiB + 1) },
    says: 'Usage of EmptyDir volume "cache" exceeds the limit "10Mi". ',
  },
  {
    name: 'volumes, logs and layers beyond the limit of the pod',
    spec: withLimit,
    use: { disk: disk(10 * MiB, 6 * MiB, 5 * MiB) },
    says: 'Pod ephemeral local storage usage exceeds the total limit of containers 20Mi. ',
  },
  {
    name: 'one container beyond its own',
    spec: two,
    use: { disk: disk(0, 0, 2 * MiB), containers: [{ name: 'main', diskBytes: 2 * MiB }] },
    says: 'Container main exceeded its local ephemeral storage limit "1Mi". ',
  },
  { name: 'what was not measured is none', spec: withVolume, use: {}, says: undefined },
]
for (const { name, spec, use, says } of excesses)
  test(`excess: ${name}`, () => assert.equal(storageExcess({ pod: aPod('web', spec), containers: [], ...use }), says))
