import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '@bramble/reconcile/sim/seeded'
import { aContainer, aPod } from '../pods/pods-harness.ts'
import type { PodUse } from './pod-use.ts'
import { rankPods } from './rank.ts'

interface Row {
  readonly memory?: number
  readonly request?: number
  readonly priority?: number
  readonly tasks?: number
  readonly disk?: { readonly volumes?: number; readonly logs?: number; readonly layers?: number }
  readonly diskRequest?: number
}
const use = (name: string, { memory, request = 0, priority = 0, tasks, disk, diskRequest = 0 }: Row): PodUse => ({
  pod: aPod(name, {
    priority,
    containers: [aContainer('main', { resources: { requests: { memory: String(request), 'ephemeral-storage': String(diskRequest) } } })],
  }),
  containers: [],
  ...(memory !== undefined && { memoryBytes: memory }),
  ...(tasks !== undefined && { tasks }),
  ...(disk && {
    disk: {
      volumes: [
        { name: 'v', inMemory: false, usedBytes: disk.volumes ?? 0, inodes: disk.volumes ?? 0 },
        { name: 'm', inMemory: true, usedBytes: 1e6, inodes: 1e6 },
      ],
      logBytes: disk.logs ?? 0,
      layerBytes: disk.layers ?? 0,
      layerInodes: disk.layers ?? 0,
    },
  }),
})
const names = (uses: readonly PodUse[]): readonly string[] => uses.map(({ pod }) => pod.metadata.name)

const cases = [
  {
    name: 'who uses more memory than asked for goes before who uses more',
    signal: 'memory.available',
    pods: { modest: { memory: 900, request: 1000 }, greedy: { memory: 20, request: 10 } },
    order: ['greedy', 'modest'],
  },
  {
    name: 'of those who do, the less important goes first',
    signal: 'memory.available',
    pods: { dear: { memory: 900, priority: 10 }, cheap: { memory: 20 } },
    order: ['cheap', 'dear'],
  },
  {
    name: 'of equals, who is furthest beyond what was asked for',
    signal: 'allocatableMemory.available',
    pods: { big: { memory: 900, request: 800 }, small: { memory: 200 } },
    order: ['small', 'big'],
  },
  {
    name: 'of whom nothing is known goes first',
    signal: 'memory.available',
    pods: { known: { memory: 900 }, unknown: {} },
    order: ['unknown', 'known'],
  },
  {
    name: 'processes: importance, then count',
    signal: 'pid.available',
    pods: { dear: { tasks: 5000, priority: 1 }, few: { tasks: 3 }, many: { tasks: 400 } },
    order: ['many', 'few', 'dear'],
  },
  {
    name: 'disk: volumes, logs and layers count together when there is one disk; memory volumes do not',
    signal: 'nodefs.available',
    pods: { a: { disk: { volumes: 5 } }, b: { disk: { layers: 9 } }, c: { disk: { logs: 7 } } },
    order: ['b', 'c', 'a'],
  },
  {
    name: 'disk of images apart: layers alone',
    signal: 'imagefs.available',
    apart: true,
    pods: { a: { disk: { volumes: 50 } }, b: { disk: { layers: 9 } } },
    order: ['b', 'a'],
  },
  {
    name: 'what was asked for of the disk counts',
    signal: 'nodefs.available',
    pods: { a: { disk: { volumes: 50 }, diskRequest: 100 }, b: { disk: { volumes: 9 } } },
    order: ['b', 'a'],
  },
  {
    name: 'inodes cannot be asked for',
    signal: 'nodefs.inodesFree',
    pods: { a: { disk: { volumes: 50 } }, b: { disk: { volumes: 60 } } },
    order: ['b', 'a'],
  },
] as const
for (const { name, signal, pods, order, ...rest } of cases)
  test(name, () => {
    const uses = Object.entries(pods as Record<string, Row>).map(([pod, row]) => use(pod, row))
    assert.deepEqual(names(rankPods(signal, uses, 'apart' in rest)), order)
  })

test('nobody within what was asked for goes before anybody beyond it, and the order does not depend on how they came', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seeded(seed)
    const whole = (max: number): number => Math.floor(random() * max)
    const uses = Array.from({ length: 8 }, (_, index) =>
      use(`p${index}`, { ...(random() < 0.9 && { memory: whole(100) }), request: whole(100), priority: whole(3) }),
    )
    const ranked = rankPods('memory.available', uses, false)
    const isWithin = ({ pod, memoryBytes }: PodUse): boolean =>
      memoryBytes !== undefined && memoryBytes <= Number(pod.spec.containers[0]!.resources!.requests!.memory)
    const firstWithin = ranked.findIndex(isWithin)
    if (firstWithin >= 0) assert.ok(ranked.slice(firstWithin).every(isWithin), `seed ${seed}`)
    assert.deepEqual(names(rankPods('memory.available', [...uses].reverse(), false)), names(ranked), `seed ${seed}`)
  }
})
