import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type CpuMark, cpuRate, isWorthTelling, type Told } from './usage-plan.ts'

const MIB = 2 ** 20

describe('processor use', () => {
  const now: CpuMark = { atMs: 60_000, usageNs: 15e9 }
  const cases: readonly (readonly [name: string, before: CpuMark | undefined, ageMs: number, want: number | undefined])[] = [
    ['is that since the look before', { atMs: 0, usageNs: 0 }, 1e9, 250],
    ['is that since its start when it is new', undefined, 30_000, 500],
    ['is not known when it is old and seen for the first time', undefined, 1e9, undefined],
    ['is what was used since when the counter began anew', { atMs: 0, usageNs: 99e9 }, 1e9, 250],
    ['is not known when no time has passed', { atMs: 60_000, usageNs: 0 }, 1e9, undefined],
    ['is not known when the clock was set back behind its start', undefined, -5_000, undefined],
  ]
  for (const [name, before, ageMs, want] of cases) it(name, () => assert.equal(cpuRate(before, now, ageMs, 120_000)?.cpuMillis, want))
})

describe('use is worth telling', () => {
  const told: Told = { atMs: 0, containers: [{ name: 'main', cpuMillis: 100, memoryBytes: 100 * MIB }] }
  const cases: readonly (readonly [name: string, cpuMillis: number, memoryMib: number, nowMs: number, want: boolean])[] = [
    ['not when nothing changed', 100, 100, 60_000, false],
    ['not for a tenth of the processor', 110, 100, 60_000, false],
    ['for more than a tenth', 111, 100, 60_000, true],
    ['for less by more than a tenth', 89, 100, 60_000, true],
    ['not for a tenth of memory', 100, 110, 60_000, false],
    ['for more than that', 100, 111, 60_000, true],
    ['after ten minutes', 100, 100, 600_000, true],
  ]
  for (const [name, cpuMillis, memoryMib, nowMs, want] of cases)
    it(name, () => assert.equal(isWorthTelling(told, [{ name: 'main', cpuMillis, memoryBytes: memoryMib * MIB }], nowMs), want))

  it('not for a large share of next to nothing', () => {
    const idle: Told = { atMs: 0, containers: [{ name: 'main', cpuMillis: 1, memoryBytes: MIB / 2 }] }
    assert.equal(isWorthTelling(idle, [{ name: 'main', cpuMillis: 6, memoryBytes: 1.5 * MIB }], 60_000), false)
    assert.equal(isWorthTelling(idle, [{ name: 'main', cpuMillis: 7, memoryBytes: MIB }], 60_000), true)
  })
  it('when a container came, went or was exchanged', () => {
    const main = told.containers[0]!
    assert.equal(isWorthTelling(told, [main, { ...main, name: 'side' }], 1), true)
    assert.equal(isWorthTelling(told, [], 1), true)
    assert.equal(isWorthTelling(told, [{ ...main, name: 'other' }], 1), true)
  })
  it('for the first time, unless there is nothing to tell', () => {
    assert.equal(isWorthTelling(undefined, told.containers, 0), true)
    assert.equal(isWorthTelling(undefined, [], 0), false)
  })
})
