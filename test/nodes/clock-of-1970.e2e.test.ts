import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { systemClock } from '@bramble/reconcile/env'
import { bramble, serverFlags, startServer, temporaryFolder } from '../../apps/cli/src/cli.fixture.ts'

const FAKETIME = '/usr/bin/faketime'
const CHILD = new URL('./clock-of-1970.child.ts', import.meta.url).pathname
const skip = !existsSync(FAKETIME) && 'faketime is not installed'

const folder = await temporaryFolder({ after })
const flags = await serverFlags(folder)
if (!skip) await startServer({ after }, ...flags).ready

for (const { name, at } of [
  { name: 'of 1970, before its server was certified', at: '1970-01-02 00:00:00' },
  { name: 'of years from now, when the certificate of its server has run out', at: '2035-01-01 00:00:00' },
])
  test(`a machine with a clock ${name} joins, connects and learns the time`, { skip, timeout: 60_000 }, async (t) => {
    const { stdout: line } = await bramble('token', 'create', '--data-dir', folder)
    const given = {
      folder: await temporaryFolder(t),
      server: `https://127.0.0.1:${flags[7]}`,
      'stream-port': Number(flags.at(-1)),
      token: / --token (\S+)/.exec(line)![1],
      'node-name': `pi-${at.slice(0, 4)}`,
    }
    const env = { ...process.env, FAKETIME_DONT_FAKE_MONOTONIC: '1' }
    const { stdout } = await promisify(execFile)(FAKETIME, [at, process.execPath, CHILD, JSON.stringify(given)], { env, timeout: 50_000 })
    const seen = JSON.parse(stdout) as { startedAt: string; nodeName: string; set: number[]; toldMs: number; isCertified: boolean }
    assert.equal(seen.startedAt.slice(0, 4), at.slice(0, 4), 'its clock is wrong')
    assert.deepEqual([seen.nodeName, seen.isCertified], [given['node-name'], true])
    for (const timeMs of [...seen.set, seen.toldMs]) assert.ok(Math.abs(timeMs - systemClock.nowMs()) < 60_000)
    assert.ok(seen.set.length > 0, 'and it sets it')
  })
