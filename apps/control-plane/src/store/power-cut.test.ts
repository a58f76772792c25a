import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { seeded } from '@bramble/reconcile/sim/seeded'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import { SqliteBackend } from './backend/sqlite.ts'
import { LANES, leftKey, rightKey, stepKey, stepOf } from './power-cut.load.ts'
import { openStore } from './store.ts'

const CUTS = 24
const VICTIM = fileURLToPath(new URL('./power-cut.load.ts', import.meta.url))

test(`killed at ${CUTS} points of a write load: every acknowledged commit is there, and no half of one`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bramble-power-cut-'))
  const path = join(folder, 'state.db')
  const random = seeded(42)
  const acknowledged = Array.from({ length: LANES }, () => 0)
  let revision = 0
  try {
    for (let cut = 1; cut <= CUTS; cut++) {
      await writeUntilKilled(path, 1 + Math.floor(random() ** 2 * 300), acknowledged)
      revision = await check(path, acknowledged, revision, `cut ${cut}`)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})

/** Kills the victim after it acknowledged so many commits; it goes on writing until the signal arrives. */
async function writeUntilKilled(path: string, acknowledgements: number, acknowledged: number[]): Promise<void> {
  const victim = spawn(process.execPath, [VICTIM, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = new Promise<NodeJS.Signals | null>((resolve) => victim.once('exit', (_code, signal) => resolve(signal)))
  let said = ''
  for await (const chunk of victim.stdout.setEncoding('utf8')) {
    said += chunk as string
    if (said.split('\n').length > acknowledgements) victim.kill('SIGKILL')
  }
  assert.equal(await exited, 'SIGKILL')
  for (const line of said.split('\n').slice(0, -1)) {
    const [lane, step] = line.split(' ').map(Number)
    acknowledged[lane!] = step!
  }
}

/** @param acknowledged Becomes what was found: the next victim goes on from there. */
async function check(path: string, acknowledged: number[], revisionBefore: number, when: string): Promise<number> {
  const store = await openStore(new SqliteBackend({ path, env: simEnv() }), { volatile: () => false, env: simEnv() })
  for (const [lane, step] of acknowledged.entries()) {
    const stored = stepOf(store, leftKey(lane))
    assert.ok(stored === step || stored === step + 1, `${when}: lane ${lane} acknowledged ${step}, found ${stored}`)
    assert.equal(stepOf(store, rightKey(lane)), stored, `${when}: half a commit in lane ${lane}`)
    const keys = store.list(`/core/pods/lane-${lane}/step-`).entries.map((entry) => entry.key)
    assert.deepEqual(keys, stored === 0 ? [] : [stepKey(lane, stored)], `${when}: half a commit in lane ${lane}`)
    acknowledged[lane] = stored
  }
  const newest = Math.max(0, ...store.list('/').entries.map((entry) => entry.modified))
  assert.ok(store.revision > newest && store.revision > revisionBefore, `${when}: revisions go on`)
  await store.close()
  return store.revision
}
