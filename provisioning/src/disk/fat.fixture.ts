import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import type { TestContext } from 'node:test'
import type { BlockFile } from './block-file.ts'

// FAT volumes made by mkfs.vfat and looked at with mtools and fsck.vfat: none of them shares code with ours.

const UTF8 = { ...process.env, LC_ALL: 'C.UTF-8', PATH: `${process.env['PATH']}:/usr/sbin:/sbin` }

const said = (file: string, args: readonly string[]) => spawnSync(file, args, { encoding: 'utf8', env: UTF8, maxBuffer: 256 << 20 })

/** Why tests with real tools cannot run here, or false. */
export const toolsMissing: string | false =
  ['mkfs.vfat', 'fsck.vfat', 'mcopy'].some((tool) => said(tool, ['--help']).error !== undefined) && 'apt install dosfstools mtools'

export interface FatShape {
  readonly bits: 16 | 32
  readonly clusterSectors: number
  readonly sizeMib: number
  readonly sectorBytes?: number
}

/** Cluster sizes that boot partitions have, and odd ones. FAT32 with few clusters is left out: mtools takes it for FAT16. */
export const SHAPES: readonly FatShape[] = [
  { bits: 16, clusterSectors: 1, sizeMib: 3 },
  { bits: 16, clusterSectors: 4, sizeMib: 16 },
  { bits: 16, clusterSectors: 2, sizeMib: 40, sectorBytes: 1024 },
  { bits: 32, clusterSectors: 1, sizeMib: 34 },
  { bits: 32, clusterSectors: 8, sizeMib: 300 },
]
export const shapeName = ({ bits, clusterSectors, sectorBytes = 512 }: FatShape): string =>
  `FAT${bits} in clusters of ${clusterSectors * sectorBytes}`

/** An empty folder that goes with the test. */
export function testFolder(t: Pick<TestContext, 'after'>): string {
  const folder = mkdtempSync(join(tmpdir(), 'bramble-disk-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export function makeFat(path: string, { bits, clusterSectors, sizeMib, sectorBytes = 512 }: FatShape): void {
  writeFileSync(path, '')
  truncateSync(path, sizeMib << 20)
  const made = said('mkfs.vfat', [
    '-F',
    `${bits}`,
    '-s',
    `${clusterSectors}`,
    '-S',
    `${sectorBytes}`,
    '-n',
    'BOOTFS',
    '-i',
    '1234abcd',
    path,
  ])
  assert.equal(made.status, 0, made.stderr)
}

/** What fsck.vfat complains of; nothing when the volume is sound. */
export function fsck(path: string): readonly string[] {
  const { status, stdout, stderr } = said('fsck.vfat', ['-n', path])
  return status === 0
    ? []
    : `${stdout}${stderr}`.split('\n').filter((line) => line !== '' && !/^fsck\.fat|files?, \d|Leaving filesystem/.test(line))
}

/** Files by path as mtools reads them; folders end in '/'. */
export function readByMtools(path: string): ReadonlyMap<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'bramble-mtools-'))
  try {
    const copied = said('mcopy', ['-s', '-n', '-i', path, '::/', `${folder}/all`])
    assert.equal(copied.status, 0, copied.stderr)
    const entries = readdirSync(folder, { withFileTypes: true, recursive: true })
    const nameOf = (parent: string, name: string) => relative(join(folder, 'all'), join(parent, name))
    return new Map(
      entries
        .filter(({ parentPath }) => parentPath !== folder)
        .map((entry) => {
          const name = nameOf(entry.parentPath, entry.name)
          return entry.isDirectory() ? [`${name}/`, ''] : [name, readFileSync(join(entry.parentPath, entry.name), 'latin1')]
        }),
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export interface Write {
  readonly position: number
  readonly data: Uint8Array
  /** Syncs that came before it: writes of one epoch may reach the medium in any order. */
  readonly epoch: number
}

/** A disk in memory that remembers what was written and when it was synced. */
export function memoryDisk(image: Uint8Array): BlockFile & { readonly bytes: Buffer; readonly writes: Write[] } {
  const bytes = Buffer.from(image)
  const writes: Write[] = []
  let epoch = 0
  return {
    bytes,
    writes,
    sizeBytes: bytes.length,
    async read(target, position) {
      assert.ok(position >= 0 && position + target.length <= bytes.length, 'a read lies within the disk')
      target.set(bytes.subarray(position, position + target.length))
    },
    async write(data, position) {
      assert.ok(position % 512 === 0 && data.length % 512 === 0, 'writes are whole sectors')
      writes.push({ position, data: Buffer.from(data), epoch })
      bytes.set(data, position)
    },
    sync: async () => void epoch++,
    close: async () => {},
  }
}
