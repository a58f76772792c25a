import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { type TarFile, tarFiles, tarOf } from './tar.ts'

interface Plain {
  readonly path: string
  readonly isExecutable: boolean
  readonly content: Buffer
}

const asFile = ({ path, isExecutable, content }: Plain): TarFile => ({
  path,
  isExecutable,
  sizeBytes: content.length,
  content: (async function* () {
    yield content
  })(),
})

const packed = async (files: readonly Plain[]): Promise<Buffer> => Buffer.concat(await Array.fromAsync(tarOf(files.map(asFile), 1_000_000)))

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function unpacked(bytes: Buffer, size = 700): Promise<readonly Plain[]> {
  const files: Plain[] = []
  for await (const { path, isExecutable, content } of tarFiles(inPieces(bytes, size)))
    files.push({ path, isExecutable, content: Buffer.concat(await Array.fromAsync(content)) })
  return files
}

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'bramble-tar-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return path
}

const FILES: readonly Plain[] = [
  { path: 'a/b', isExecutable: true, content: Buffer.from('#!/bin/sh\n') },
  { path: 'a/empty', isExecutable: false, content: Buffer.alloc(0) },
  { path: `a/${'long/'.repeat(25)}name`, isExecutable: false, content: Buffer.alloc(1024, 7) },
]

test('GNU tar unpacks what we packed', async (t) => {
  const to = await folder(t)
  await writeFile(join(to, 'it.tar'), await packed(FILES))
  execFileSync('tar', ['-xf', 'it.tar'], { cwd: to })
  for (const { path, isExecutable, content } of FILES) {
    assert.deepEqual(await readFile(join(to, path)), content)
    const { mode, mtimeMs } = await stat(join(to, path))
    assert.deepEqual([(mode & 0o100) !== 0, mtimeMs], [isExecutable, 1_000_000_000])
  }
})

test('what GNU tar packs is read, folders are passed over', async (t) => {
  const from = await folder(t)
  await writeFile(join(from, 'one'), '1')
  const bytes = execFileSync('tar', ['--format=ustar', '-cf', '-', '.'], { cwd: from })
  assert.deepEqual(await unpacked(bytes), [{ path: './one', isExecutable: false, content: Buffer.from('1') }])
})

test('whatever is packed comes out, however the bytes arrive', async () => {
  const plain = fc.record(
    {
      path: fc.stringMatching(/^[a-z]{1,8}(\/[a-z]{1,8}){0,3}$/),
      isExecutable: fc.boolean(),
      content: fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)),
    },
    { noNullPrototype: true },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(plain, { maxLength: 5 }), fc.integer({ min: 1, max: 5000 }), async (files, size) => {
      assert.deepEqual(await unpacked(await packed(files), size), files)
    }),
    { seed: 5, numRuns: 50 },
  )
})

test('an archive that is cut off anywhere is refused', async () => {
  const bytes = await packed(FILES)
  const end = bytes.length - 10_240 // the last record may be short
  for (let length = 1; length < Math.min(end, 6000); length += 97) await assert.rejects(unpacked(bytes.subarray(0, length)), /cut off/)
})

test('a flipped bit of a header is seen', async () => {
  const bytes = await packed(FILES)
  bytes[3]! ^= 1
  await assert.rejects(unpacked(bytes), /no tar archive, or damaged/)
})

for (const path of ['/etc/passwd', 'a/../../b', '..'])
  test(`a file named ${path} is refused`, async () => {
    await assert.rejects(unpacked(await packed([{ path, isExecutable: false, content: Buffer.alloc(1) }])), /would be unpacked elsewhere/)
  })

test('a link is refused', async (t) => {
  const from = await folder(t)
  execFileSync('ln', ['-s', '/etc/passwd', join(from, 'link')])
  const bytes = execFileSync('tar', ['--format=ustar', '-cf', '-', 'link'], { cwd: from })
  await assert.rejects(unpacked(bytes), /link is no plain file/)
})

test('a path that no header can hold is refused', async () => {
  await assert.rejects(packed([{ path: 'x'.repeat(101), isExecutable: false, content: Buffer.alloc(0) }]), /too long/)
})
