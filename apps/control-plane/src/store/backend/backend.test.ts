import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { simEnv } from '@bramble/reconcile/sim/sim-env'
import { StorageError } from './backend.ts'
import { backendContract } from './backend.contract.ts'
import { MemoryBackend, MemoryDisk } from './memory.ts'
import { openBackend } from './open.ts'
import { SqliteBackend } from './sqlite.ts'

backendContract('memory', () => {
  const disk = new MemoryDisk()
  return {
    open: () => new MemoryBackend(disk),
    setFull: (full) => {
      disk.full = full
    },
    cleanUp: () => {},
  }
})

backendContract('sqlite', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bramble-store-'))
  // A limit on the file's size stands for the disk's: a commit above it fails in the same place, by the same code.
  return {
    open: () => new SqliteBackend({ path: join(folder, 'state.db'), bytesMax: 200_000, env: simEnv() }),
    setFull: () => {},
    cleanUp: () => rmSync(folder, { recursive: true }),
  }
})

function inFolder(name: string, body: (path: string, folder: string) => Promise<void>): void {
  test(`sqlite: ${name}`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bramble-store-'))
    try {
      await body(join(folder, 'deep', 'state.db'), join(folder, 'deep'))
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
}
const open = (path: string) => openBackend({ engine: 'sqlite', path }, simEnv())
const message = (pattern: RegExp) => (error: unknown) => error instanceof StorageError && pattern.test(error.message)

inFolder('a file that another owner has open is refused, and free when it closes', async (path) => {
  const first = open(path)
  await first.load()
  await assert.rejects(open(path).load(), message(/state\.db is in use by another process: stop the other control plane first/))
  await first.close()
  const second = open(path)
  await second.load()
  await second.close()
})

inFolder('only the owner may read the file: it holds Secrets', async (path, folder) => {
  const backend = open(path)
  await backend.load()
  await backend.reserve(10)
  for (const name of readdirSync(folder)) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name)
  assert.equal(statSync(folder).mode & 0o777, 0o700)
  await backend.close()
})

inFolder('a damaged file is put aside, and no empty cluster takes its place', async (path, folder) => {
  const backend = open(path)
  await backend.load()
  const value = { metadata: { name: 'x', uid: 'u', resourceVersion: '2', creationTimestamp: '', annotations: { text: 'x'.repeat(5000) } } }
  await backend.commit({
    revision: 2,
    writes: Array.from({ length: 20 }, (_, index) => ({ op: 'put', key: `/core/pods/a/${index}`, value, expect: 'absent' }) as const),
  })
  await backend.close()
  const bytes = readFileSync(path)
  bytes.fill(0xa5, 1024 * 3, 1024 * 40)
  writeFileSync(path, bytes)

  await assert.rejects(
    open(path).load(),
    message(/state\.db is damaged .* put aside as .*state\.db\.corrupt-2026-01-01T00-00-00-000Z: restore a backup/),
  )
  assert.deepEqual(readFileSync(join(folder, 'state.db.corrupt-2026-01-01T00-00-00-000Z')), bytes)
  await assert.rejects(open(path).load(), message(/was damaged and stands beside as state\.db\.corrupt-/))
})

inFolder('a file that is no database at all is put aside as well', async (path, folder) => {
  const backend = open(path)
  await backend.load()
  await backend.close()
  writeFileSync(path, 'this is a text, and long enough to be looked at as if it were a database header: '.repeat(50))
  await assert.rejects(open(path).load(), message(/put aside/))
  assert.ok(readdirSync(folder).some((name) => name.includes('.corrupt-')))
})

inFolder('a folder that cannot be made is said plainly', async (path, folder) => {
  writeFileSync(folder, 'a file where the folder should be')
  await assert.rejects(open(path).load(), message(/cannot open .*state\.db: /))
})

test('memory: a newer owner fences the one before it', async () => {
  const disk = new MemoryDisk()
  const crashed = new MemoryBackend(disk)
  await crashed.load()
  await new MemoryBackend(disk).load()
  await assert.rejects(crashed.reserve(10), StorageError)
})
