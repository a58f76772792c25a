import assert from 'node:assert/strict'
import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { join } from 'node:path'
import { type HollowFleet, hollowFleet } from '../sim/hollow-fleet.ts'

// The Python client as Debian has it, python3-kubernetes; not whatever python somebody put in front of it.
const PYTHON = '/usr/bin/python3'
const SCRIPT = fileURLToPath(new URL('python_client.py', import.meta.url))
const LIMIT_MS = 60_000

const isInstalled = spawnSync(PYTHON, ['-c', 'import kubernetes']).status === 0
let fleet: HollowFleet

before(async () => {
  fleet = await hollowFleet(0)
})
after(() => fleet.stop())

test('the Python client works', { skip: isInstalled ? false : 'python3-kubernetes is not installed' }, async () => {
  const args = ['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/O=team/CN=anna']
  const request = execFileSync('openssl', [...args, '-keyout', join(fleet.folder, 'anna.key')], { stdio: ['ignore', 'pipe', 'ignore'] })
  const { stdout } = await promisify(execFile)(PYTHON, ['-B', SCRIPT, fleet.kubeconfig, request.toString('base64')], { timeout: LIMIT_MS })
  assert.deepEqual(stdout.trimEnd().split('\n'), [
    'typed objects come and go',
    'patches are strategic unless they are lists',
    'lists go on page by page',
    'watches tell what happens',
    'objects of any kind',
    'other groups',
    'certificates are requested and approved',
    'deletions have options',
    'refusals say why',
  ])
})
