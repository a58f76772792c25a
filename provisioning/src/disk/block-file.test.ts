import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openBlockFile } from './block-file.ts'
import { diskError } from './disk-error.ts'

test('bytes are read and written where they belong, and never beyond the end', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bramble-block-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'disk.img')
  writeFileSync(path, Buffer.alloc(1024))

  const disk = await openBlockFile(path, { writable: true })
  assert.equal(disk.sizeBytes, 1024)
  await disk.write(Buffer.from('berry'), 510)
  await disk.sync()
  const read = Buffer.alloc(5)
  await disk.read(read, 510)
  assert.equal(read.toString(), 'berry')
  await assert.rejects(disk.write(Buffer.alloc(2), 1023), /beyond its end at 1024: was it cut short/)
  await assert.rejects(disk.read(Buffer.alloc(2), 1023), /beyond its end/)
  await disk.close()
  assert.equal(readFileSync(path).length, 1024)
})

test('a disk opened for reading takes no writes', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bramble-block-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'disk.img')
  writeFileSync(path, Buffer.alloc(1024))
  const disk = await openBlockFile(path)
  await assert.rejects(disk.write(Buffer.alloc(1), 0), { name: 'DiskError', code: 'io' })
  await disk.close()
  await assert.rejects(openBlockFile(join(folder, 'none')), /none: is not there/)
})

const codes = [
  { code: 'ENOSPC', expect: /^full: card: no room left/ },
  { code: 'EIO', expect: /^io: card: writing failed: the card or its reader is broken/ },
  { code: 'ENXIO', expect: /^io: card: the device is gone/ },
  { code: 'ENODEV', expect: /^io: card: the device is gone/ },
  { code: 'EBUSY', expect: /^io: card: is in use: unmount it/ },
  { code: 'EACCES', expect: /^io: card: writing is not allowed/ },
  { code: 'EROFS', expect: /^io: card: is read-only/ },
  { code: 'EMEDIUMTYPE', expect: /^io: card: writing failed: odd/ },
]
for (const { code, expect } of codes)
  test(`${code} is told in words`, () => {
    const error = diskError('card', 'writing', Object.assign(new Error('odd'), { code }))
    assert.match(`${error.code}: ${error.message}`, expect)
  })
