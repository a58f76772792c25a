import assert from 'node:assert/strict'
import { copyFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, test } from 'node:test'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { checkRelease } from '../../provisioning/src/release/check-release.ts'
import { makeFakeRelease } from './fake-release.ts'

const folder = await mkdtemp(join(tmpdir(), 'bramble-check-release-'))
after(() => rm(folder, { recursive: true, force: true }))
const good = await makeFakeRelease(folder, { version: '0.2.0', arch: 'arm64' })
const bytes = await readFile(good.path)
const tar = zstdDecompressSync(bytes)

let count = 0
/** A file with a good name, of a folder of its own. */
async function archive(content: Uint8Array, name = basename(good.path)): Promise<string> {
  const own = await mkdtemp(join(folder, `${count++}-`))
  await writeFile(join(own, name), content)
  return join(own, name)
}

/** The archive with one piece of text replaced by another of the same length. */
function edited(from: string, to: string): Buffer {
  assert.equal(from.length, to.length)
  const copy = Buffer.from(tar)
  const at = copy.indexOf(from)
  assert.notEqual(at, -1)
  copy.write(to, at)
  return zstdCompressSync(copy)
}

test('a good archive is told with its size and checksum', async () => {
  const { manifest, ...checked } = await checkRelease(good.path)
  const { sizeBytes, sha256, installedBytes } = good
  assert.deepEqual(checked, { version: '0.2.0', arch: 'arm64', sizeBytes, sha256, installedBytes })
  assert.ok(manifest.files.some(({ path }) => path === 'lib/node'))
})

const BAD: readonly { readonly name: string; readonly make: () => Promise<string>; readonly says: RegExp }[] = [
  {
    name: 'a name that is none of a release',
    make: () => archive(bytes, 'bramble.tar.zst'),
    says: /must be named as "npm run release" names it/,
  },
  {
    name: 'a name with another version',
    make: () => archive(bytes, 'bramble-0.3.0-linux-arm64.tar.zst'),
    says: /is not inside bramble-0.3.0\//,
  },
  {
    name: 'a name with another processor',
    make: () => archive(bytes, 'bramble-0.2.0-linux-x64.tar.zst'),
    says: /name says 0.2.0 for x64, and inside is 0.2.0 for arm64/,
  },
  { name: 'an empty file', make: () => archive(Buffer.alloc(0)), says: /cut off/ },
  { name: 'a file that is no archive', make: () => archive(Buffer.alloc(5000, 'x')), says: /cut off or damaged/ },
  { name: 'something else compressed', make: () => archive(zstdCompressSync(Buffer.alloc(5000, 'x'))), says: /no tar archive/ },
  { name: 'no files at all', make: () => archive(zstdCompressSync(Buffer.alloc(10_240))), says: /no release: .*lib\/node/ },
  {
    name: 'a file that was changed',
    make: () => archive(edited('# no Node.js', '# NO Node.js')),
    says: /lib\/node is not what SHA256SUMS says/,
  },
  {
    name: 'a manifest that was changed',
    make: () => archive(edited('"node": "0.0.0"', '"node": "0.0.1"')),
    says: /release.json is not what SHA256SUMS says/,
  },
  {
    name: 'a file that no checksum names',
    make: () => archive(edited('  share/launcher\n', '  share/launchez\n')),
    says: /share\/launchez is missing/,
  },
  {
    name: 'checksums that are none',
    make: () => archive(edited('  share/launcher\n', '..share/launcher\n')),
    says: /SHA256SUMS has a line that is none/,
  },
]
for (const { name, make, says } of BAD) test(`refused: ${name}`, async () => assert.rejects(checkRelease(await make()), says))

test('an archive that is cut off anywhere is refused', async () => {
  const cut = join(await mkdtemp(join(folder, 'cut-')), basename(good.path))
  for (const part of [0.05, 0.3, 0.6, 0.9, 0.999]) {
    await copyFile(good.path, cut)
    await truncate(cut, Math.floor(bytes.length * part))
    await assert.rejects(checkRelease(cut), /cut off/, `${part}`)
  }
})

test('a file that is not there is said so', async () => {
  await assert.rejects(checkRelease(join(folder, 'no', basename(good.path))), { code: 'ENOENT' })
})

test('the same release is made of the same bytes', async (t) => {
  const again = await mkdtemp(join(folder, 'again-'))
  t.after(() => rm(again, { recursive: true }))
  assert.equal((await makeFakeRelease(again, { version: '0.2.0', arch: 'arm64' })).sha256, good.sha256)
})
