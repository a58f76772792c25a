import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { NodeLink, NodeSession } from '@bramble/link/link'
import { silentLog } from '@bramble/reconcile/log'
import { SimClock } from '@bramble/reconcile/sim/sim-clock'
import { judgeTime, TimeKeeper } from './time-keeper.ts'

const NOW = Date.UTC(2026, 5, 1)
const [SECOND_MS, HOUR_MS, DAY_MS] = [1_000, 3_600_000, 86_400_000]

const verdicts = [
  { name: 'a clock that is right is left', toldMs: NOW + 4 * SECOND_MS, verdict: 'good' },
  { name: 'one that is behind is set', toldMs: NOW + 6 * SECOND_MS, verdict: 'step' },
  { name: 'one that is ahead too', toldMs: NOW - DAY_MS, verdict: 'step' },
  { name: 'but not to a time that has been', toldMs: NOW - DAY_MS, knownMs: NOW - HOUR_MS, verdict: 'distrust' },
  { name: 'a control plane that woke up in 1970 is not followed', toldMs: 60_000, knownMs: NOW, verdict: 'distrust' },
  { name: 'unless nothing is known', toldMs: 60_000, verdict: 'step' },
] as const
for (const { name, toldMs, verdict, ...rest } of verdicts)
  test(name, () => assert.equal(judgeTime(NOW, toldMs, 'knownMs' in rest ? rest.knownMs : 0), verdict))

/** A machine whose clock can be set, and what it was set to. */
async function aMachine(t: TestContext, nowMs: number, { isSynchronised = false, mayBeSet = true } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-time-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'clock')
  const base = new SimClock(0)
  let aheadMs = nowMs
  const clock = {
    nowMs: () => base.monotonicMs() + aheadMs,
    monotonicMs: () => base.monotonicMs(),
    sleep: (ms: number, signal?: AbortSignal) => base.sleep(ms, signal),
  }
  const set: number[] = []
  const warnings: string[] = []
  const machine = {
    isSynchronised,
    path,
    set,
    warnings,
    clock,
    base,
    env: { clock, random: () => 0, log: { ...silentLog, warn: (message: string) => void warnings.push(message) } },
    system: {
      isSynchronised: async () => machine.isSynchronised,
      set: async (timeMs: number) => {
        if (!mayBeSet) throw new Error('date exited with 1: cannot set date: Operation not permitted')
        set.push(timeMs)
        aheadMs = timeMs - base.monotonicMs()
      },
    },
    keeper: (): TimeKeeper => new TimeKeeper(machine),
    kept: async () => Date.parse((await readFile(path, 'utf8').catch(() => '')).trim()),
  }
  return machine
}

test('a machine of 1970 gets the time with the first answer, and has it at its next boot', async (t) => {
  const machine = await aMachine(t, 60_000)
  const keeper = machine.keeper()
  await keeper.restore()
  await keeper.told(NOW)
  assert.deepEqual([machine.set, await machine.kept()], [[NOW], NOW])

  const rebooted = await aMachine(t, 60_000)
  await writeFile(rebooted.path, await readFile(machine.path))
  const again = rebooted.keeper()
  await again.restore()
  assert.deepEqual(rebooted.set, [NOW])
  await again.told(NOW + DAY_MS)
  assert.deepEqual(rebooted.set, [NOW, NOW + DAY_MS])
})

test('a system that keeps the time itself is not meddled with, and no file is written', async (t) => {
  const machine = await aMachine(t, NOW, { isSynchronised: true })
  await writeFile(machine.path, new Date(NOW + DAY_MS).toISOString())
  const keeper = machine.keeper()
  await keeper.restore()
  await keeper.told(NOW + 2 * DAY_MS)
  assert.deepEqual([machine.set, await machine.kept()], [[], NOW + DAY_MS])
})

test('a clock that may not be set is told of, and nothing fails', async (t) => {
  const machine = await aMachine(t, 60_000, { mayBeSet: false })
  await writeFile(machine.path, new Date(NOW).toISOString())
  const keeper = machine.keeper()
  await keeper.restore()
  await keeper.told(NOW)
  assert.deepEqual([machine.set, machine.warnings.length], [[], 2])
})

for (const { name, text } of [
  { name: 'empty', text: '' },
  { name: 'cut off', text: '2026-' },
  { name: 'nonsense', text: '\0\0\0\0' },
])
  test(`a file of the last time that is ${name} counts as none`, async (t) => {
    const machine = await aMachine(t, NOW)
    await writeFile(machine.path, text)
    await machine.keeper().restore()
    assert.deepEqual(machine.set, [])
  })

test('an older server says nothing of the time', async (t) => {
  const machine = await aMachine(t, NOW)
  await machine.keeper().told(undefined)
  await machine.keeper().told(0)
  assert.deepEqual(machine.set, [])
})

test('a clock that drifts is set again while the session lasts, and the file is written hourly at most', { timeout: 20_000 }, async (t) => {
  const machine = await aMachine(t, 60_000)
  const { base, set } = machine
  let driftMs = 0
  const session = {
    get serverTimeMs() {
      return NOW + base.monotonicMs() + driftMs
    },
  } as NodeSession
  const keeper = machine.keeper()
  const link = keeper.listening({ open: async () => session } satisfies NodeLink)
  const stop = new AbortController()
  const running = keeper.run(stop.signal)
  assert.equal(await link.open({ agentVersion: '1' }, stop.signal), session)
  await until(async () => (await machine.kept()) === NOW)
  await base.advance(HOUR_MS / 2)
  assert.deepEqual([set, await machine.kept()], [[NOW], NOW])
  driftMs = 10_000
  await base.advance(HOUR_MS)
  await until(async () => (await machine.kept()) > NOW)
  assert.deepEqual([set.length, machine.clock.nowMs()], [2, NOW + base.monotonicMs() + driftMs])
  assert.equal(await machine.kept(), NOW + HOUR_MS + driftMs)
  stop.abort()
  await running
})

/** Files are written in real time. */
async function until(check: () => Promise<boolean>): Promise<void> {
  while (!(await check())) await new Promise((resolve) => setImmediate(resolve))
}
