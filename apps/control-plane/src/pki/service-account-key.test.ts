import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { serviceAccountKey } from './service-account-key.ts'

const inFolder = async (body: (folder: string) => Promise<void>): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-key-'))
  try {
    await body(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

test('the key is made once, for its owner only', () =>
  inFolder(async (above) => {
    const folder = join(above, 'pki')
    const key = await serviceAccountKey(folder)
    assert.match(key, /^-----BEGIN PRIVATE KEY-----\n/)
    assert.equal(await serviceAccountKey(folder), key)
    assert.equal((await stat(join(folder, 'service-account.key'))).mode & 0o777, 0o600)
    assert.deepEqual(await readdir(folder), ['service-account.key'])
  }))

test('a file that holds something else is never replaced', () =>
  inFolder(async (folder) => {
    await writeFile(join(folder, 'service-account.key'), 'half a key')
    await assert.rejects(serviceAccountKey(folder), /service-account\.key cannot be used: restore it from a backup/)
  }))
