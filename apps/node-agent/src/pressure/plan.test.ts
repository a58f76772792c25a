import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '@bramble/reconcile/sim/seeded'
import { isNear, judge, missing, NO_PRESSURE, type PressureMemory, type PressureVerdict } from './plan.ts'
import type { Observations, PressureType, Signal } from './signals.ts'
import type { Threshold } from './thresholds.ts'

const HARD: Threshold = { signal: 'memory.available', level: { quantity: 100 }, graceMs: 0 }
const SOFT: Threshold = { signal: 'memory.available', level: { quantity: 200 }, graceMs: 30_000 }
const DISK: Threshold = { signal: 'nodefs.available', level: { share: 0.1 }, graceMs: 0, minReclaim: { quantity: 50 } }
const ALL = [DISK, SOFT, HARD]
const TRANSITION_MS = 300_000

const seen = (memory: number, disk = 1000): Observations =>
  new Map<Signal, { available: number; capacity: number }>([
    ['memory.available', { available: memory, capacity: 1000 }],
    ['nodefs.available', { available: disk, capacity: 1000 }],
  ])

type Looks = readonly (readonly [atMs: number, observations: Observations])[]

/** What is said at the last of several looks. */
function looks(...observed: Looks): PressureVerdict {
  let memory: PressureMemory = NO_PRESSURE
  let verdict: PressureVerdict = { memory, pressures: [], due: [] }
  for (const [nowMs, observations] of observed) {
    verdict = judge(memory, ALL, observations, { nowMs, transitionMs: TRANSITION_MS })
    memory = verdict.memory
  }
  return verdict
}

const cases: readonly {
  name: string
  looks: Looks
  pressures: readonly PressureType[]
  due: readonly Threshold[]
}[] = [
  { name: 'plenty is no pressure', looks: [[0, seen(500)]], pressures: [], due: [] },
  { name: 'at the threshold is not below it', looks: [[0, seen(200, 100)]], pressures: [], due: [] },
  { name: 'below a hard threshold something is due at once', looks: [[0, seen(99)]], pressures: ['MemoryPressure'], due: [HARD] },
  { name: 'a soft one is told at once', looks: [[0, seen(150)]], pressures: ['MemoryPressure'], due: [] },
  {
    name: 'and due after its grace',
    looks: [
      [0, seen(150)],
      [30_000, seen(150)],
    ],
    pressures: ['MemoryPressure'],
    due: [SOFT],
  },
  {
    name: 'which begins anew when it was over',
    looks: [
      [0, seen(150)],
      [20_000, seen(300)],
      [30_000, seen(150)],
    ],
    pressures: ['MemoryPressure'],
    due: [],
  },
  { name: 'memory comes before disks', looks: [[0, seen(99, 10)]], pressures: ['DiskPressure', 'MemoryPressure'], due: [HARD, DISK] },
  {
    name: 'a condition stays for its period',
    looks: [
      [0, seen(99)],
      [299_999, seen(500)],
    ],
    pressures: ['MemoryPressure'],
    due: [],
  },
  {
    name: 'and not longer',
    looks: [
      [0, seen(99)],
      [300_000, seen(500)],
    ],
    pressures: [],
    due: [],
  },
  {
    name: 'more than the threshold has to be free',
    looks: [
      [0, seen(500, 99)],
      [1, seen(500, 149)],
    ],
    pressures: ['DiskPressure'],
    due: [DISK],
  },
  {
    name: 'until that is reached',
    looks: [
      [0, seen(500, 99)],
      [1, seen(500, 150)],
    ],
    pressures: ['DiskPressure'],
    due: [],
  },
  { name: 'what cannot be seen is not short', looks: [[0, new Map()]], pressures: [], due: [] },
]
for (const { name, looks: observed, pressures, due } of cases)
  test(name, () => {
    const verdict = looks(...observed)
    assert.deepEqual([verdict.pressures, verdict.due], [pressures, due])
  })

test('a condition never comes and goes within its period, whatever is seen', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seeded(seed)
    let memory: PressureMemory = NO_PRESSURE
    let before: readonly PressureType[] = []
    const heldMs = new Map<PressureType, number>()
    for (let nowMs = 0; nowMs < 3_000_000; nowMs += 10_000) {
      const verdict = judge(memory, ALL, seen(random() * 400, random() * 200), { nowMs, transitionMs: TRANSITION_MS })
      memory = verdict.memory
      for (const { signal } of memory.crossed.keys()) heldMs.set(signal.startsWith('memory') ? 'MemoryPressure' : 'DiskPressure', nowMs)
      for (const type of before.filter((each) => !verdict.pressures.includes(each)))
        assert.ok(nowMs - heldMs.get(type)! >= TRANSITION_MS, `seed ${seed}: ${type} went too early`)
      for (const { signal } of verdict.due) assert.ok(seenAsShort(verdict, signal), `seed ${seed}: due without a condition`)
      before = verdict.pressures
    }
  }
})
const seenAsShort = ({ pressures }: PressureVerdict, signal: Signal): boolean =>
  pressures.includes(signal.startsWith('memory') ? 'MemoryPressure' : 'DiskPressure')

test('how much has to be freed includes what is to be free beyond', () => {
  assert.equal(missing(DISK, seen(500, 60)), 90)
  assert.equal(missing(DISK, seen(500, 500)), 0)
})

test('memory is watched closely before it is short, disks are not', () => {
  assert.equal(isNear([HARD], seen(150)), true)
  assert.equal(isNear([HARD], seen(200)), false)
  assert.equal(isNear([DISK], seen(150, 0)), false)
})
