import assert from 'node:assert/strict'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import { launched, proveRelease } from './prove-release.ts'

/**
 * What a launcher was told, and after how many seconds.
 *
 * @param trial The slot's file of that name. @param isWell In that second. @param script Of the launcher.
 */
async function proven(t: TestContext, trial: string | undefined, isWell: (second: number) => boolean, script = 'echo "$@" >>"$0.told"') {
  const slot = await mkdtemp(join(tmpdir(), 'bramble-slot-'))
  t.after(() => rm(slot, { recursive: true, force: true }))
  const launcher = join(slot, 'launcher')
  await writeFile(launcher, `#!/bin/sh\n${script}\n`)
  await chmod(launcher, 0o755)
  if (trial !== undefined) await writeFile(join(slot, 'trial'), trial)
  let seconds = 0
  const stop = new AbortController()
  const env = simEnv()
  const sleep = async (): Promise<void> => {
    await turn()
    if (++seconds > 500) stop.abort()
  }
  const clock = { nowMs: () => 0, monotonicMs: () => 0, sleep }
  await proveRelease({ launcher, slot, release: '0.2.0' }, () => isWell(seconds), { ...env, clock }, stop.signal)
  return { seconds, told: (await readFile(`${launcher}.told`, 'utf8').catch(() => '')).trim() }
}

const COMMIT = 'server commit 0.2.0'
const TRIAL = '0.2.0 1 300 boot 5 -\n'

test('a release on trial stays after a minute in which it was well', async (t) => {
  assert.deepEqual(await proven(t, TRIAL, () => true), { seconds: 60, told: COMMIT })
})

test('half of its time is enough when that is less', async (t) => {
  assert.deepEqual(await proven(t, '0.2.0 1 30 boot 5 -\n', () => true), { seconds: 15, told: COMMIT })
})

test('the minute begins anew when it is not well', async (t) => {
  assert.deepEqual(await proven(t, TRIAL, (second) => second !== 50), { seconds: 110, told: COMMIT })
})

test('one that is never well proves nothing', async (t) => {
  assert.deepEqual(await proven(t, TRIAL, () => false), { seconds: 501, told: '' })
})

for (const [name, trial] of [
  ['that is not on trial', undefined],
  ['while another is', '0.3.0 0 300 - 0 -\n'],
  ['whose trial cannot be read', 'x'],
] as const)
  test(`a release ${name} has nothing to prove`, async (t) => {
    assert.deepEqual(await proven(t, trial, () => true), { seconds: 0, told: '' })
  })

test('a launcher that fails is no reason to stop', async (t) => {
  assert.deepEqual(await proven(t, TRIAL, () => true, 'exit 5'), { seconds: 60, told: '' })
})

test('only a launcher starts releases', () => {
  assert.equal(launched({ BRAMBLE_LAUNCHER: '/l' }), undefined)
  assert.deepEqual(launched({ BRAMBLE_LAUNCHER: '/l', BRAMBLE_SLOT: '/s', BRAMBLE_RELEASE: '0.2.0' }), {
    launcher: '/l',
    slot: '/s',
    release: '0.2.0',
  })
})
