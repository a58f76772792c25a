import assert from 'node:assert/strict'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { silentLog } from '@bramble/reconcile/log'
import { keepWatchdog, watchdogPeriodMs } from './watchdog.ts'

for (const [name, environment, periodMs] of [
  ['a unit with WatchdogSec watches', { NOTIFY_SOCKET: '/run/systemd/notify', WATCHDOG_USEC: '180000000' }, 180_000],
  ['a unit without it does not', { NOTIFY_SOCKET: '/run/systemd/notify' }, undefined],
  ['nobody watches where there is no systemd', { WATCHDOG_USEC: '180000000' }, undefined],
  ['a period that is no number is none', { NOTIFY_SOCKET: '/x', WATCHDOG_USEC: 'soon' }, undefined],
] as const)
  test(name, () => assert.equal(watchdogPeriodMs(environment), periodMs))

test('it is told at once and then twice in each period', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-watchdog-'))
  const path = process.env['PATH']
  t.after(async () => {
    process.env['PATH'] = path
    await rm(folder, { recursive: true })
  })
  await writeFile(join(folder, 'systemd-notify'), `#!/bin/sh\necho "$@" >>${folder}/told\n`)
  await chmod(join(folder, 'systemd-notify'), 0o755)
  process.env['PATH'] = `${folder}:${path}`
  const stop = new AbortController()
  const slept: number[] = []
  const sleep = async (ms: number): Promise<void> => {
    if (slept.push(ms) === 3) stop.abort()
  }
  const env = { clock: { nowMs: () => 0, monotonicMs: () => 0, sleep }, random: () => 0, log: silentLog }
  await keepWatchdog(env, stop.signal, { NOTIFY_SOCKET: '/x', WATCHDOG_USEC: '60000000' })
  assert.deepEqual(slept, [30_000, 30_000, 30_000])
  assert.equal(await readFile(join(folder, 'told'), 'utf8'), 'WATCHDOG=1\n'.repeat(3))
})
