import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { silentLog } from '@bramble/reconcile/log'
import { type Claim, PullRecords } from './pull-records.ts'

const claim = (password: string, secret = 'default/reg/1'): Claim => ({
  logins: [{ registry: 'pi:5000', username: 'anna', password }],
  secrets: [secret],
})
const NOBODY: Claim = { logins: [], secrets: [] }

async function aPath(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-pulls-'))
  t.after(() => rm(folder, { recursive: true }))
  return join(folder, 'pulls.json')
}

test('what was there before is anyone’s; what a login got is for that login, its secret and nobody else', async (t) => {
  const path = await aPath(t)
  const records = await PullRecords.open(path, silentLog)
  assert.equal(records.mayUse('image', NOBODY), true)
  await records.add('image', claim('pw'))
  for (const known of [records, await PullRecords.open(path, silentLog)]) {
    assert.equal(known.mayUse('image', NOBODY), false)
    assert.equal(known.mayUse('image', claim('pw', 'other/copy/2')), true, 'the same login')
    assert.equal(known.mayUse('image', claim('new', 'default/reg/1')), true, 'the same secret, renewed')
    assert.equal(known.mayUse('image', claim('new', 'default/reg/2')), false, 'another secret of that name')
  }
})

test('what a registry gives without a login is anyone’s for good', async (t) => {
  const records = await PullRecords.open(await aPath(t), silentLog)
  await records.add('image', claim('pw'))
  await records.add('image', NOBODY)
  await records.add('image', claim('pw'))
  assert.equal(records.mayUse('image', NOBODY), true)
})

test('the file is for root alone and holds no login', async (t) => {
  const path = await aPath(t)
  const records = await PullRecords.open(path, silentLog)
  await records.add('image', claim('hush-hush'))
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  assert.doesNotMatch(await readFile(path, 'utf8'), /hush|anna/)
})

test('images that are gone are forgotten; a broken file counts as empty', async (t) => {
  const path = await aPath(t)
  const records = await PullRecords.open(path, silentLog)
  await records.add('image', claim('pw'))
  await records.keepOnly(new Set(['other']))
  assert.equal((await PullRecords.open(path, silentLog)).mayUse('image', NOBODY), true)
  await writeFile(path, '{"salt":')
  assert.equal((await PullRecords.open(path, silentLog)).mayUse('image', NOBODY), true)
})
