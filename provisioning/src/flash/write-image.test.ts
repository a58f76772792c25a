import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync, writeSync, openSync, closeSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { anImage, packedBy, testFolder } from './image.fixture.ts'
import { openImage, type ImageSource } from './image-source.ts'
import { type Progress, writeImage } from './write-image.ts'

const MIB = 1 << 20
const image = anImage(13)
const sha256 = createHash('sha256').update(image).digest('hex')
const quiet = { isDevice: false, progress: () => {}, signal: new AbortController().signal }

/** Gives bytes in pieces of odd sizes, then does what it is told. */
const source = (bytes: Buffer, atEnd: () => void = () => {}, sizeBytes: number | undefined = bytes.length): ImageSource => ({
  name: 'test.img',
  compressedBytes: undefined,
  sizeBytes,
  expected: undefined,
  checked: () => undefined,
  async open() {
    return (async function* () {
      for (let at = 0, size = 1; at < bytes.length; at += size, size = (size * 7 + 3) % 300_001) yield bytes.subarray(at, at + size)
      atEnd()
    })()
  },
})

test('an image file is whole, sparse, verified and changed at the end', async (t) => {
  const path = join(testFolder(t), 'card.img')
  writeFileSync(path, 'what was there before')
  const seen: Progress[] = []
  const done = await writeImage(source(image), path, {
    ...quiet,
    progress: (at) => seen.push(at),
    async customise(disk) {
      assert.equal(disk.sizeBytes, image.length)
      assert.equal(seen.at(-1)?.phase, 'verify', 'all was verified before')
      const start = Buffer.alloc(9)
      await disk.read(start, 0)
      assert.equal(String(start), 'boot code')
      await disk.write(Buffer.from('customised'), 5 * MIB)
    },
  })
  assert.deepEqual(done, { bytes: image.length, sha256 })
  const expected = Buffer.from(image)
  expected.write('customised', 5 * MIB)
  assert.equal(readFileSync(path).equals(expected), true)
  assert.ok(statSync(path).blocks * 512 < image.length - 2 * MIB, 'zeros take no room')
  assert.equal(existsSync(`${path}.part`), false)

  for (const phase of ['write', 'verify'] as const) {
    const bytes = seen.filter((at) => at.phase === phase).map((at) => at.bytes)
    assert.deepEqual(
      bytes,
      bytes.toSorted((a, b) => a - b),
    )
    assert.equal(bytes.at(-1), image.length)
    assert.ok(seen.every((at) => at.totalBytes === image.length))
  }
})

test('a file whose end is no whole block is written to the byte', async (t) => {
  const path = join(testFolder(t), 'card.img')
  const odd = Buffer.concat([image, Buffer.from('odd end')])
  assert.equal((await writeImage(source(odd), path, quiet)).bytes, odd.length)
  assert.equal(readFileSync(path).equals(odd), true)
})

test('an image of xz is unpacked on its way', async (t) => {
  const packed = packedBy('xz', ['-1'], image)
  if (!packed) return t.skip('xz is missing: apt install xz-utils')
  const folder = testFolder(t)
  writeFileSync(join(folder, 'pi.img.xz'), packed)
  assert.deepEqual(await writeImage(await openImage(join(folder, 'pi.img.xz')), join(folder, 'card.img'), quiet), {
    bytes: image.length,
    sha256,
  })
  assert.equal(readFileSync(join(folder, 'card.img')).equals(image), true)
})

const damaged = new Error('the image turned out to be damaged')
const noTable = Buffer.from(image)
noTable.fill(0, 510, 512)
const bad: readonly { readonly name: string; readonly source: ImageSource; readonly expect: RegExp }[] = [
  {
    name: 'an image that proves damaged at its end',
    source: source(image, () => {
      throw damaged
    }),
    expect: /turned out to be damaged/,
  },
  {
    name: 'an image that ends before its last partition',
    source: source(image.subarray(0, 9 * MIB)),
    expect: /test\.img: partition 1 ends at byte .*was the image cut short/,
  },
  {
    name: 'something without a partition table',
    source: source(noTable),
    expect: /no disk image: it does not start with a partition table/,
  },
  {
    name: 'something that has the signature only',
    source: source(Buffer.concat([Buffer.alloc(446, 7), Buffer.alloc(64, 9), Buffer.from([0x55, 0xaa]), Buffer.alloc(2 * MIB)])),
    expect: /test\.img: has no partition table/,
  },
  { name: 'a few sectors', source: source(image.subarray(0, 4096)), expect: /4096 bytes are too few for a disk image/ },
  { name: 'nothing', source: source(Buffer.alloc(0)), expect: /0 bytes are too few/ },
]
for (const { name, source, expect } of bad)
  test(`leaves no file behind: ${name}`, async (t) => {
    const path = join(testFolder(t), 'card.img')
    writeFileSync(path, 'an older card')
    await assert.rejects(writeImage(source, path, quiet), expect)
    assert.equal(existsSync(`${path}.part`), false)
    assert.equal(readFileSync(path, 'utf8'), 'an older card')
  })

test('a card that cannot be customised is no card', async (t) => {
  const path = join(testFolder(t), 'card.img')
  const customise = async (): Promise<void> => {
    throw new Error('the boot partition is full')
  }
  await assert.rejects(writeImage(source(image), path, { ...quiet, customise }), /boot partition is full/)
  assert.equal(existsSync(path), false)
})

test('it stops when it is told to, while it writes and while it verifies', async (t) => {
  const path = join(testFolder(t), 'card.img')
  for (const phase of ['write', 'verify'] as const) {
    const stop = new AbortController()
    const progress = (at: Progress): void => {
      if (at.phase === phase) stop.abort(new Error(`stopped at ${phase}`))
    }
    await assert.rejects(writeImage(source(image), path, { ...quiet, progress, signal: stop.signal }), new RegExp(`stopped at ${phase}`))
    assert.equal(existsSync(path) || existsSync(`${path}.part`), false)
  }
})

test('a byte that changed between writing and reading back is found', async (t) => {
  const path = join(testFolder(t), 'card.img')
  for (const position of [100, 2 * MIB + 17, 9 * MIB + 1, image.length - 1]) {
    let isFlipped = false
    const progress = ({ phase, bytes }: Progress): void => {
      if (isFlipped || phase !== 'write' || bytes !== image.length) return
      isFlipped = true
      const file = openSync(`${path}.part`, 'r+')
      writeSync(file, Buffer.from([image[position]! ^ 1 || 1]), 0, 1, position)
      closeSync(file)
    }
    await assert.rejects(writeImage(source(image), path, { ...quiet, progress }), {
      code: 'io',
      message: /does not hold what was written: it differs between bytes \d+ and \d+\. The card is broken, or smaller than it says/,
    })
  }
})

test('a target that is no file, a device that is none, and a folder that is not there', async (t) => {
  const folder = testFolder(t)
  mkdirSync(join(folder, 'card.img'))
  await assert.rejects(writeImage(source(image), join(folder, 'card.img'), quiet), { code: 'path', message: /is a folder, not a file/ })
  await assert.rejects(writeImage(source(image), '/dev/null', quiet), { code: 'path', message: /is a device, not a file/ })
  await assert.rejects(writeImage(source(image), join(folder, 'none', 'card.img'), quiet), {
    code: 'io',
    message: /card\.img: is not there|folder/,
  })
  await assert.rejects(writeImage(source(image), '/dev/null', { ...quiet, isDevice: true }), { code: 'path', message: /is no device/ })
  await assert.rejects(writeImage(source(image), join(folder, 'none'), { ...quiet, isDevice: true }), {
    code: 'io',
    message: /is not there/,
  })
})
