import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { anImage, packedBy, readAll, testFolder } from './image.fixture.ts'
import { openImage } from './image-source.ts'

const image = anImage(3)
const sha = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
const half = image.length / 2
const flipped = (bytes: Buffer): Buffer => {
  const copy = Buffer.from(bytes)
  copy[Math.floor(copy.length / 2)]! ^= 0x10
  return copy
}

const packings: readonly { readonly name: string; readonly bytes: () => Buffer | undefined; readonly sizeKnown?: number | null }[] = [
  { name: 'raw', bytes: () => image },
  { name: 'gzip', bytes: () => gzipSync(image) },
  {
    name: 'gzip of two members',
    bytes: () => Buffer.concat([gzipSync(image.subarray(0, half)), gzipSync(image.subarray(half))]),
    sizeKnown: half,
  },
  { name: 'zstd', bytes: () => zstdCompressSync(image) },
  { name: 'zstd by zstd, of unknown size', bytes: () => packedBy('zstd', ['-q', '-T2'], image), sizeKnown: null },
  { name: 'zstd with a checksum', bytes: () => packedBy('zstd', ['-q', '--check', `--stream-size=${image.length}`], image) },
  {
    name: 'zstd of several frames and one that is skipped',
    bytes: () =>
      Buffer.concat([
        zstdCompressSync(image.subarray(0, 1000)),
        Buffer.from('5d2a4d1803000000aabbcc', 'hex'),
        zstdCompressSync(image.subarray(1000)),
      ]),
    sizeKnown: 1000,
  },
  {
    name: 'zstd that starts with a frame that is skipped',
    bytes: () => Buffer.concat([Buffer.from('502a4d1801000000aa', 'hex'), zstdCompressSync(image)]),
    sizeKnown: null,
  },
  { name: 'xz', bytes: () => packedBy('xz', ['-1'], image) },
  { name: 'xz of several blocks', bytes: () => packedBy('xz', ['-1', '--block-size=1000000'], image) },
  { name: 'xz checked with CRC32', bytes: () => packedBy('xz', ['-1', '--check=crc32'], image) },
  {
    name: 'xz of two streams, padded',
    bytes: () => {
      const parts = [packedBy('xz', ['-1'], image.subarray(0, half)), packedBy('xz', ['-1'], image.subarray(half))]
      return parts.includes(undefined) ? undefined : Buffer.concat([parts[0]!, parts[1]!, Buffer.alloc(8)])
    },
    sizeKnown: null,
  },
]

/** Each packed once. */
const good = packings.map(({ bytes, ...rest }) => {
  let packed: Buffer | undefined
  const once = (): Buffer | undefined => {
    packed ??= bytes()
    return packed
  }
  return { ...rest, bytes: once }
})

for (const { name, bytes, sizeKnown = image.length } of good)
  test(`an image is unpacked, whatever it is called: ${name}`, async (t) => {
    const packed = bytes()
    if (!packed) return t.skip('xz or zstd is missing: apt install xz-utils zstd')
    const path = join(testFolder(t), 'some file')
    writeFileSync(path, packed)
    const source = await openImage(path)
    assert.equal(source.name, 'some file')
    assert.equal(source.compressedBytes, packed.length)
    assert.equal(source.sizeBytes, sizeKnown ?? undefined)
    assert.equal((await readAll(source)).equals(image), true)
    assert.equal(source.checked(), undefined)

    for (const [sum, expected] of [
      [sha(image), 'image'],
      [sha(packed), name === 'raw' ? 'image' : 'download'],
    ] as const) {
      const summed = await openImage(path, { sha256: sum.toUpperCase() })
      await readAll(summed)
      assert.equal(summed.checked(), expected)
      writeFileSync(`${path}.sha256`, `${'0'.repeat(64)}  other.img\n${sum} *some file\n`)
      const beside = await openImage(path)
      await readAll(beside)
      assert.equal(beside.checked(), expected)
    }
    await assert.rejects(readAll(await openImage(path, { sha256: 'ab'.repeat(32) })), {
      code: 'corrupt',
      message: /its SHA-256 is [\da-f]{64}.* but --sha256 says abab/,
    })
  })

for (const { name, bytes } of good.filter(({ name }) => name !== 'raw')) {
  test(`a cut is noticed: ${name}`, async (t) => {
    const packed = bytes()
    if (!packed) return t.skip('xz or zstd is missing')
    const path = join(testFolder(t), 'cut.img')
    for (const length of [20, Math.floor(packed.length / 3), packed.length - 13, packed.length - 1]) {
      writeFileSync(path, packed.subarray(0, length))
      await assert.rejects(
        async () => readAll(await openImage(path)),
        { name: 'DiskError', code: 'corrupt' },
        `${length} of ${packed.length} bytes`,
      )
    }
  })

  test(`a flipped bit is noticed, by the packing if it has a checksum: ${name}`, async (t) => {
    const packed = bytes()
    if (!packed) return t.skip('xz or zstd is missing')
    const path = join(testFolder(t), 'flipped.img')
    writeFileSync(path, flipped(packed))
    const ownSum = /^zstd($| of several| that starts)/.test(name) ? { sha256: sha(packed) } : {}
    await assert.rejects(async () => readAll(await openImage(path, ownSum)), { name: 'DiskError', code: 'corrupt' })
  })
}

const bad: readonly { readonly name: string; readonly content: Buffer | string; readonly expect: RegExp; readonly file?: string }[] = [
  { name: 'nothing', content: '', expect: /^layout: bad\.img: is empty/ },
  { name: 'a web page', content: '<!DOCTYPE html><title>404</title>', expect: /^layout: .*is a web page, not an image/ },
  { name: 'a ZIP archive', content: Buffer.from('504b0304140000', 'hex'), expect: /^layout: .*ZIP archive: unpack it/ },
  { name: 'bzip2', content: 'BZh91AY&SY', expect: /^layout: .*bzip2/ },
  { name: '7z', content: Buffer.from('377abcaf271c', 'hex'), expect: /^layout: .*7z/ },
  { name: 'QCOW2', content: Buffer.from('514649fb00000003', 'hex'), expect: /^layout: .*qemu-img convert -O raw/ },
  { name: 'a text', content: 'hello '.repeat(200), expect: /^layout: .*is no disk image/ },
  { name: 'a few bytes', content: 'hello', expect: /^layout: .*is no disk image/ },
  {
    name: 'xz without its end',
    content: Buffer.concat([Buffer.from('fd377a585a000004', 'hex'), Buffer.alloc(100, 1)]),
    expect: /^corrupt: .*is cut short/,
  },
  {
    name: 'zstd that goes on as something else',
    content: Buffer.concat([zstdCompressSync(image), Buffer.from('junk')]),
    expect: /^corrupt: .*goes on with something/,
  },
]
for (const { name, content, expect } of bad)
  test(`is refused: ${name}`, async (t) => {
    const path = join(testFolder(t), 'bad.img')
    writeFileSync(path, content)
    await assert.rejects(
      async () => readAll(await openImage(path)),
      (error: Error & { code: string }) => {
        assert.match(`${error.code}: ${error.message}`, expect)
        return true
      },
    )
  })

test('what cannot be an image, and checksums that are none, say so', async (t) => {
  const folder = testFolder(t)
  const path = join(folder, 'some.img')
  await assert.rejects(openImage(path), { code: 'io', message: /some\.img: is not there/ })
  mkdirSync(path)
  await assert.rejects(openImage(path), { code: 'layout', message: /is no file/ })
  const image = join(folder, 'real.img')
  writeFileSync(image, anImage(2))
  await assert.rejects(openImage(image, { sha256: 'abc' }), { message: /--sha256: "abc" is no SHA-256, which has 64 hexadecimal digits/ })
  writeFileSync(`${image}.sha256`, 'see the web site')
  await assert.rejects(openImage(image), { message: /real\.img\.sha256: holds no SHA-256: remove it or give --sha256/ })
  writeFileSync(`${image}.sha256`, `${'0'.repeat(64)}  a\n${'1'.repeat(64)}  b\n`)
  await assert.rejects(openImage(image), { message: /holds several sums and none names real\.img/ })
  writeFileSync(`${image}.sha256`, `${'0'.repeat(64)}\n`)
  await assert.rejects(async () => readAll(await openImage(image)), {
    message: /real\.img: its SHA-256 is .* but .*real\.img\.sha256 says 0000/,
  })
})

test('xz with a checksum that cannot be checked here says so', async (t) => {
  const packed = packedBy('xz', ['-1', '--check=sha256'], image)
  if (!packed) return t.skip('xz is missing: apt install xz-utils')
  const path = join(testFolder(t), 'some.img.xz')
  writeFileSync(path, packed)
  await assert.rejects(async () => readAll(await openImage(path)), {
    code: 'corrupt',
    message: /a checksum, that are not known here \(xz --check=crc64 is\)/,
  })
})

for (const { name, bytes } of good)
  test(`an image that was left in the middle, or stopped, is read again from its start: ${name}`, async (t) => {
    const packed = bytes()
    if (!packed) return t.skip('xz or zstd is missing: apt install xz-utils zstd')
    const path = join(testFolder(t), 'some.img')
    writeFileSync(path, packed)
    const source = await openImage(path)
    for await (const piece of await source.open(new AbortController().signal)) {
      assert.ok(piece.length > 0)
      break
    }
    const stop = new AbortController()
    await assert.rejects(async () => {
      for await (const _ of await source.open(stop.signal)) stop.abort(new Error('enough'))
    }, /enough|aborted/)
    assert.equal((await readAll(source)).equals(image), true)
  })
