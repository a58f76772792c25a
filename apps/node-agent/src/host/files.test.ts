import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { atomicWrite, readIfPresent } from './files.ts'

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-files-'))
  t.after(() => rm(folder, { recursive: true }))
  return folder
}

test('a file is replaced whole, with its mode, and no draft stays', async (t) => {
  const folder = await folderFor(t)
  await atomicWrite(join(folder, 'new', 'key'), 'old, longer', 0o600)
  await atomicWrite(join(folder, 'new', 'key'), 'next', 0o666)
  assert.equal(await readFile(join(folder, 'new', 'key'), 'utf8'), 'next')
  assert.equal((await stat(join(folder, 'new', 'key'))).mode & 0o777, 0o666)
  assert.deepEqual(await readdir(join(folder, 'new')), ['key'])
})

test('a write that fails leaves the old file and no draft', async (t) => {
  const folder = await folderFor(t)
  await writeFile(join(folder, 'taken'), '')
  await assert.rejects(atomicWrite(join(folder, 'taken', 'key'), 'x'))
  await atomicWrite(join(folder, 'key', 'inner'), 'x')
  await assert.rejects(atomicWrite(join(folder, 'key'), 'a folder is in the way'))
  assert.deepEqual((await readdir(folder)).sort(), ['key', 'taken'])
})

test('a missing file reads as undefined, a folder is an error', async (t) => {
  const folder = await folderFor(t)
  assert.equal(await readIfPresent(join(folder, 'none')), undefined)
  assert.equal(await readIfPresent(join(folder, 'none', 'deeper')), undefined)
  await assert.rejects(readIfPresent(folder), { code: 'EISDIR' })
})
