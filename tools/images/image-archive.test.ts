import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { isStatic } from './busybox.ts'
import { imageArchive } from './image-archive.ts'
import { tar, type TarEntry } from './tar.ts'

const files: readonly TarEntry[] = [
  { path: 'bin', type: 'folder', mode: 0o755 },
  { path: 'bin/tool', type: 'file', mode: 0o755, data: Buffer.from('x'.repeat(513)) },
  { path: 'bin/alias', type: 'link', target: 'tool' },
  { path: 'tmp', type: 'folder', mode: 0o1777 },
]
const config = { command: ['/bin/tool'], env: { PATH: '/bin' }, labels: {} }

test('tar reads what was written', () => {
  const listing = execFileSync('tar', ['--list', '--verbose', '--numeric-owner'], {
    input: tar(files),
    encoding: 'utf8',
    env: { ...process.env, TZ: 'UTC' },
  })
  assert.deepEqual(
    listing
      .trim()
      .split('\n')
      .map((line) => line.replace(/\s+/g, ' ')),
    [
      'drwxr-xr-x 0/0 0 1970-01-01 00:00 bin/',
      '-rwxr-xr-x 0/0 513 1970-01-01 00:00 bin/tool',
      'lrwxrwxrwx 0/0 0 1970-01-01 00:00 bin/alias -> tool',
      'drwxrwxrwt 0/0 0 1970-01-01 00:00 tmp/',
    ],
  )
  assert.equal(execFileSync('tar', ['--extract', '--to-stdout', 'bin/tool'], { input: tar(files), encoding: 'utf8' }), 'x'.repeat(513))
})

test('a path that does not fit is refused', () => {
  assert.throws(() => tar([{ path: 'a'.repeat(101), type: 'folder', mode: 0o755 }]), /longer than 100 bytes/)
})

test('the id of an image is a function of its content alone', () => {
  const id = imageArchive('localhost/a:1', files, config, 'arm64').id
  assert.equal(imageArchive('localhost/b:2', files, config, 'arm64').id, id)
  assert.notEqual(imageArchive('localhost/a:1', files.slice(1), config, 'arm64').id, id)
  assert.notEqual(imageArchive('localhost/a:1', files, { ...config, command: ['/bin/other'] }, 'arm64').id, id)
})

for (const { name, types, want } of [
  { name: 'a program without a loader is static', types: [1, 4], want: true },
  { name: 'a program that names a loader is not', types: [6, 3, 1], want: false },
])
  test(name, () => assert.equal(isStatic(elf(types)), want))

test('a script is not a static program', () => assert.equal(isStatic(Buffer.from('#!/bin/sh\n'.padEnd(100))), false))

function elf(types: readonly number[]): Buffer {
  const program = Buffer.alloc(64 + 56 * types.length)
  program.write('\x7fELF\x02\x01', 0, 'latin1')
  program.writeBigUInt64LE(64n, 32)
  program.writeUInt16LE(56, 54)
  program.writeUInt16LE(types.length, 56)
  for (const [index, type] of types.entries()) program.writeUInt32LE(type, 64 + 56 * index)
  return program
}
