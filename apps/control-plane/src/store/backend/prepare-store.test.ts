import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import type { KubeObject } from '@bramble/api/object'
import { silentLog } from '@bramble/reconcile/log'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import { givenUpBy, prepareStore, restoreByHand } from './prepare-store.ts'
import { SqliteBackend } from './sqlite.ts'
import { backupFolder, listBackups } from './sqlite-backup.ts'

const NOW_MS = Date.UTC(2026, 0, 1)
const object = (name: string): KubeObject => ({ metadata: { name, uid: name, resourceVersion: '7', creationTimestamp: '' } })

/** A control plane's folder, and versions that come and go in it. */
async function aStore(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-store-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'store.db')
  let nowMs = NOW_MS
  const later = (): number => {
    nowMs += 1000
    return nowMs
  }
  const open = () => new SqliteBackend({ path, env: simEnv() })
  return {
    folder,
    path,
    /** A version starts, writes objects, and ends. @returns what it found, and its first revision. */
    runs: async (version: string, writes: readonly string[] = [], givenUp?: string) => {
      await prepareStore({ path, version, givenUp, nowMs: later(), log: silentLog })
      const backend = open()
      try {
        const { revision, entries } = await backend.load()
        const found: string[] = []
        for await (const { key } of entries) found.push(key)
        for (const [index, key] of writes.entries())
          await backend.commit({ revision: revision + index, writes: [{ op: 'put', key, value: object(key), expect: 'absent' }] })
        return { found: found.sort(), revision }
      } finally {
        await backend.close()
      }
    },
    /** A newer version has changed the format of what is there. */
    changeFormat: (to: number) => {
      const database = new DatabaseSync(path)
      database.exec(`PRAGMA user_version = ${to}`)
      database.close()
    },
    restore: (from: string, version = '0.1.0') => restoreByHand(path, from, version, later()),
    copies: async (): Promise<readonly string[]> => (await listBackups(path)).map(({ version }) => version),
    newest: async (): Promise<string> => (await listBackups(path))[0]!.path,
    open,
  }
}

test('a store is copied before another version has it, and not when the same one starts again', async (t) => {
  const { runs, copies, newest, path } = await aStore(t)
  await runs('0.1.0', ['a', 'b'])
  await runs('0.1.0', ['c'])
  assert.deepEqual(await copies(), [])
  assert.deepEqual((await runs('0.2.0')).found, ['a', 'b', 'c'])
  assert.deepEqual(await copies(), ['0.1.0'])
  assert.equal(basename(await newest()), '2026-01-01T00-00-03Z-0.1.0.db')
  assert.equal(statSync(await newest()).mode & 0o777, 0o600)
  assert.equal(statSync(backupFolder(path)).mode & 0o777, 0o700)
  assert.deepEqual(readdirSync(backupFolder(path)).length, 1, 'nothing else is left there')
})

test('of many copies the newest five stay', async (t) => {
  const { runs, copies } = await aStore(t)
  for (let minor = 1; minor <= 8; minor++) await runs(`0.${minor}.0`, [`k${minor}`])
  assert.deepEqual(await copies(), ['0.7.0', '0.6.0', '0.5.0', '0.4.0', '0.3.0'])
})

test('a version that returns finds what was written meanwhile, if it can read it', async (t) => {
  const { runs, copies } = await aStore(t)
  await runs('0.1.0', ['a'])
  await runs('0.2.0', ['b'])
  assert.deepEqual((await runs('0.1.0', [], '0.2.0')).found, ['a', 'b'])
  assert.deepEqual(await copies(), ['0.2.0', '0.1.0'])
})

test('a version that returns finds what it had, if a newer one has changed the format; that one is kept beside', async (t) => {
  const { runs, changeFormat, copies, path } = await aStore(t)
  const { revision: before } = await runs('0.1.0', ['a'])
  await runs('0.2.0', ['b'])
  changeFormat(99)
  const { found, revision } = await runs('0.1.0', ['c'], '0.2.0')
  assert.deepEqual(found, ['a'])
  assert.ok(revision > before + 100_000, 'nobody takes what is new now for what was there before')
  assert.deepEqual(await copies(), ['0.2.0', '0.1.0'])
  assert.deepEqual((await runs('0.1.0')).found, ['a', 'c'])
  assert.deepEqual(readdirSync(join(path, '..')).sort(), ['backups', 'store.db', 'store.version'])
})

test('a newer format is refused, not replaced, when nobody gave the newer version up; the message says what to do', async (t) => {
  const { runs, changeFormat } = await aStore(t)
  await runs('0.1.0', ['a'])
  await runs('0.2.0', ['b'])
  changeFormat(99)
  const refusal =
    /newer version of Bramble \(format 99\): install that version again, or put a copy from before in its place with "bramble server --restore FILE"/
  await assert.rejects(runs('0.1.0'), refusal)
  await assert.rejects(runs('0.1.0', [], '0.1.9'), refusal)
})

test('a copy is restored by hand, and what stood there is copied', async (t) => {
  const { runs, newest, restore, copies } = await aStore(t)
  await runs('0.1.0', ['a'])
  await runs('0.2.0', ['b'])
  const replaced = await restore(await newest(), '0.2.0')
  assert.match(replaced!, /-0\.2\.0\.db$/)
  assert.deepEqual((await runs('0.2.0')).found, ['a'])
  await restore(replaced!, '0.2.0')
  assert.deepEqual((await runs('0.2.0')).found, ['a', 'b'])
  assert.deepEqual(await copies(), ['0.2.0', '0.2.0', '0.1.0'])
})

test('a copy takes the place of a store that is damaged', async (t) => {
  const { runs, newest, restore, path } = await aStore(t)
  await runs('0.1.0', ['a'])
  await runs('0.2.0', ['b'])
  await writeFile(path, 'this is no database, and has not been one for a while')
  assert.equal(await restore(await newest(), '0.2.0'), undefined)
  assert.deepEqual((await runs('0.2.0')).found, ['a'])
})

test('a log that is left of the store does not come back into the copy', async (t) => {
  const { runs, newest, restore, path } = await aStore(t)
  await runs('0.1.0', ['a'])
  await runs('0.2.0', ['b'])
  const database = new DatabaseSync(path)
  database.exec("PRAGMA journal_mode = WAL; INSERT INTO objects (key, created, modified, value) VALUES ('late', 9, 9, '{}')")
  const log = readFileSync(`${path}-wal`)
  database.close()
  await writeFile(`${path}-wal`, log) // as after a cut
  await restore(await newest(), '0.2.0')
  assert.ok(!existsSync(`${path}-wal`))
  assert.deepEqual((await runs('0.2.0')).found, ['a'])
})

const bad: readonly (readonly [name: string, content: string | undefined, message: RegExp])[] = [
  ['is not there', undefined, /copy is not there; backups are in .*backups/],
  ['is no store', 'hello, this is a text and no database at all, not even a damaged one', /cannot (read|copy).*copy/],
  ['is cut off', 'cut', /damaged|malformed|cannot/],
]
for (const [name, content, message] of bad)
  test(`what ${name} is not restored, and the store stays as it is`, async (t) => {
    const { runs, restore, folder, newest } = await aStore(t)
    await runs('0.1.0', ['a'])
    await runs('0.2.0', ['b'])
    const copy = join(folder, 'copy')
    const half = content === 'cut' ? readFileSync(await newest()).subarray(0, 3000) : content
    if (half !== undefined) await writeFile(copy, half)
    await assert.rejects(restore(copy, '0.2.0'), message)
    assert.deepEqual((await runs('0.2.0')).found, ['a', 'b'])
  })

test('a store that is in use is neither copied nor replaced', async (t) => {
  const { runs, restore, newest, open } = await aStore(t)
  await runs('0.1.0', ['a'])
  await runs('0.2.0', ['b'])
  const backend = open()
  await backend.load()
  try {
    await assert.rejects(restore(await newest(), '0.2.0'), /in use by another process: stop the other control plane first/)
  } finally {
    await backend.close()
  }
  assert.deepEqual((await runs('0.2.0')).found, ['a', 'b'])
})

test('which version a launcher gave up stands in its folder', async (t) => {
  const { folder } = await aStore(t)
  assert.equal(await givenUpBy(undefined), undefined)
  assert.equal(await givenUpBy(folder), undefined)
  await mkdir(join(folder, 'slot'))
  await writeFile(join(folder, 'slot', 'returned'), '0.2.0 1 crashed 3 times, the last time with exit code 1\n')
  assert.equal(await givenUpBy(join(folder, 'slot')), '0.2.0')
})
