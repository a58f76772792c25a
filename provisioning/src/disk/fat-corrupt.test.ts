import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type FatShape, makeFat, memoryDisk, SHAPES, testFolder, toolsMissing } from './fat.fixture.ts'
import { readFatLayout } from './fat-layout.ts'
import { FatVolume } from './fat-volume.ts'

type Patch = (bytes: Buffer) => void

const [FAT16, , , FAT32] = SHAPES as readonly [FatShape, FatShape, FatShape, FatShape]
const u16 =
  (at: number, value: number): Patch =>
  (bytes) =>
    void bytes.writeUInt16LE(value, at)
const u32 =
  (at: number, value: number): Patch =>
  (bytes) =>
    void bytes.writeUInt32LE(value, at)
const text =
  (at: number, value: string): Patch =>
  (bytes) =>
    void bytes.write(value, at, 'latin1')

const volumes: readonly {
  readonly name: string
  readonly shape?: FatShape
  readonly patch: Patch
  readonly cut?: number
  readonly expect: RegExp
}[] = [
  { name: 'an empty partition', patch: (bytes) => bytes.fill(0), expect: /^layout: no FAT file system: its start is empty/ },
  { name: 'no signature', patch: u16(510, 0), expect: /^layout: no FAT file system: no signature/ },
  { name: 'exFAT', patch: text(3, 'EXFAT   '), expect: /^layout: .*exFAT, which a Raspberry Pi does not boot from/ },
  { name: 'NTFS', patch: text(3, 'NTFS    '), expect: /^layout: .*NTFS/ },
  { name: 'sectors of 100 bytes', patch: u16(11, 100), expect: /^layout: .*geometry/ },
  { name: 'clusters of 3 sectors', patch: (bytes) => (bytes[13] = 3), expect: /^layout: .*geometry/ },
  { name: 'no room for files', patch: u16(19, 4), expect: /^layout: .*no room for files/ },
  { name: 'FAT12', patch: u16(19, 4000), expect: /^layout: FAT12 is not supported: make the boot partition larger/ },
  {
    name: 'more clusters than FAT16 has',
    patch: (bytes) => (u16(19, 0)(bytes), u32(32, 80_000)(bytes)),
    expect: /^corrupt: FAT16 cannot have/,
  },
  { name: 'a table that is too short', shape: FAT32, patch: u32(36, 10), expect: /^corrupt: its allocation table is shorter/ },
  { name: 'FAT32 of another version', shape: FAT32, patch: u16(42, 7), expect: /^layout: .*unknown version/ },
  { name: 'a table that does not exist', shape: FAT32, patch: u16(40, 0x87), expect: /^corrupt: its allocation table 7 does not exist/ },
  {
    name: 'a partition cut short',
    patch: () => {},
    cut: 1 << 20,
    expect: /^corrupt: the FAT file system ends at byte 3145728, the disk at 1048576: was it cut short/,
  },
  { name: 'a disk that ends before', patch: () => {}, cut: 0, expect: /^layout: no FAT file system: the disk ends at byte 0/ },
  {
    name: 'a root folder in a circle',
    shape: FAT32,
    patch: (bytes) => u32(32 * 512 + 8, 2)(bytes),
    expect: /^corrupt: the root folder: its clusters run in a circle/,
  },
  {
    name: 'a root folder that is free',
    shape: FAT32,
    patch: (bytes) => u32(32 * 512 + 8, 0)(bytes),
    expect: /^corrupt: the root folder: cluster 0 does not exist/,
  },
]

for (const { name, shape = FAT16, patch, cut, expect } of volumes)
  test(`a volume with ${name} is refused`, { skip: toolsMissing }, async (t) => {
    const path = join(testFolder(t), 'fat.img')
    makeFat(path, shape)
    const bytes = readFileSync(path)
    patch(bytes)
    await assert.rejects(FatVolume.open(memoryDisk(bytes.subarray(0, cut))), (error: Error & { code: string }) => {
      assert.match(`${error.code}: ${error.message}`, expect)
      return true
    })
  })

/** Where things of FAT16 with 512-byte clusters lie after one file of 3 clusters and one folder were made. */
const files: readonly {
  readonly name: string
  readonly patch: (bytes: Buffer, table: number, root: number) => void
  readonly expect: RegExp
}[] = [
  {
    name: 'a circle',
    patch: (bytes, table) => u16(table + 4 * 2, 2)(bytes),
    expect: /^corrupt: big.txt: its clusters run in a circle \(run fsck.vfat\)/,
  },
  {
    name: 'a chain into nowhere',
    patch: (bytes, table) => u16(table + 2 * 2, 0xfff0)(bytes),
    expect: /^corrupt: big.txt: cluster 65520 does not exist/,
  },
  {
    name: 'a chain into a free cluster',
    patch: (bytes, table) => u16(table + 3 * 2, 0)(bytes),
    expect: /^corrupt: big.txt: cluster 0 does not exist/,
  },
  { name: 'a bad cluster', patch: (bytes, table) => u16(table + 3 * 2, 0xfff7)(bytes), expect: /^corrupt: big.txt: cluster 65527/ },
  {
    name: 'too short a chain',
    patch: (bytes, table) => u16(table + 2 * 2, 0xffff)(bytes),
    expect: /^corrupt: big.txt: shorter than its entry says/,
  },
  {
    name: 'an entry without clusters',
    patch: (bytes, _, root) => u16(root + 32 * 3 - 32 + 26, 0)(bytes),
    expect: /^corrupt: big.txt: shorter/,
  },
  {
    name: 'a file beyond what is read',
    patch: (bytes, _, root) => u32(root + 32 * 3 - 32 + 28, 0x7fffffff)(bytes),
    expect: /^path: big.txt is larger than 64 MiB/,
  },
]

for (const { name, patch, expect } of files)
  test(`a file with ${name} is not read`, { skip: toolsMissing }, async (t) => {
    const path = join(testFolder(t), 'fat.img')
    makeFat(path, FAT16)
    const disk = memoryDisk(readFileSync(path))
    const volume = await FatVolume.open(disk)
    await volume.write('big.txt', 'x'.repeat(1500))
    await volume.flush()
    const { tableStarts, rootStart } = await readFatLayout(disk, 0)
    patch(disk.bytes, tableStarts[0]!, rootStart)
    const again = await FatVolume.open(disk)
    await assert.rejects(again.read('big.txt'), (error: Error & { code: string }) => {
      assert.match(`${error.code}: ${error.message}`, expect)
      return true
    })
    await again.write('other.txt', 'the rest is still there')
    await again.flush()
    assert.equal(String(await (await FatVolume.open(disk)).read('other.txt')), 'the rest is still there')
  })

test('parts of a long name that do not belong together are not one', { skip: toolsMissing }, async (t) => {
  const path = join(testFolder(t), 'fat.img')
  makeFat(path, FAT16)
  const disk = memoryDisk(readFileSync(path))
  const volume = await FatVolume.open(disk)
  await volume.write('a name of two parts.txt', 'x')
  await volume.flush()
  const { rootStart } = await readFatLayout(disk, 0)
  disk.bytes[rootStart + 32 + 13]! ^= 1 // the sum of the first slot behind the label
  assert.deepEqual(
    (await (await FatVolume.open(disk)).list('')).map(({ name }) => name),
    ['ANAMEO~1.TXT'],
  )
})

test('what lies behind the end of a folder does not come to light', { skip: toolsMissing }, async (t) => {
  const path = join(testFolder(t), 'fat.img')
  makeFat(path, FAT16)
  const disk = memoryDisk(readFileSync(path))
  const { rootStart } = await readFatLayout(disk, 0)
  disk.bytes.fill('GARBAGE ', rootStart + 2 * 32, rootStart + 20 * 32)
  const volume = await FatVolume.open(disk)
  await volume.write('new.txt', 'x')
  await volume.flush()
  assert.deepEqual(
    (await (await FatVolume.open(disk)).list('')).map(({ name }) => name),
    ['new.txt'],
  )
})
