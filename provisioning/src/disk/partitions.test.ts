import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, truncateSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openBlockFile } from './block-file.ts'
import { readPartitions } from './partitions.ts'

const MIB = 1 << 20
const FAT = '0c0c0c0c-1111-2222-3333-444444444444'

interface Case {
  readonly name: string
  /** What sfdisk is told; none leaves the disk without a table. */
  readonly script?: string
  readonly sizeMib?: number
  /** Bytes set after that. */
  readonly patch?: readonly (readonly [position: number, ...bytes: number[]])[]
  readonly cutToMib?: number
  readonly expect: readonly string[] | RegExp
}

const pi = 'label: dos\nlabel-id: 0x1a2b3c4d\nstart=8192,size=16384,type=c,bootable\nstart=24576,size=32768,type=83\n'
const ubuntu = `label: gpt\nlabel-id: ${FAT}\nstart=2048,size=16384,type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B\nstart=32768,size=8192,type=L,attrs=LegacyBIOSBootable\n`
const LINUX = '0fc63daf-8483-4772-8e79-3d69d8477de4'

const cases: readonly Case[] = [
  {
    name: 'the MBR of a Raspberry Pi image',
    script: pi,
    expect: ['mbr 1a2b3c4d', `1 ${8192 * 512}+${16384 * 512} 0c bootable`, `2 ${24576 * 512}+${32768 * 512} 83`],
  },
  {
    name: 'logical partitions of an MBR',
    script:
      'label: dos\nlabel-id: 0x1\nstart=2048,size=2048,type=c\nstart=8192,size=40960,type=f\nstart=10240,size=2048,type=83\nstart=16384,size=2048,type=e\n',
    expect: [
      'mbr 00000001',
      `1 ${2048 * 512}+${2048 * 512} 0c`,
      `2 ${8192 * 512}+${40960 * 512} 0f`,
      `5 ${10240 * 512}+${2048 * 512} 83`,
      `6 ${16384 * 512}+${2048 * 512} 0e`,
    ],
  },
  {
    name: 'GPT with a protective MBR',
    script: ubuntu,
    expect: [
      `gpt ${FAT}`,
      `1 ${2048 * 512}+${16384 * 512} c12a7328-f81f-11d2-ba4b-00a0c93ec93b`,
      `2 ${32768 * 512}+${8192 * 512} ${LINUX} bootable`,
    ],
  },
  {
    name: 'the copy of a GPT whose header is damaged',
    script: ubuntu,
    patch: [[520, 0xff]],
    expect: [
      `gpt ${FAT}`,
      `1 ${2048 * 512}+${16384 * 512} c12a7328-f81f-11d2-ba4b-00a0c93ec93b`,
      `2 ${32768 * 512}+${8192 * 512} ${LINUX} bootable`,
    ],
  },
  { name: 'a damaged GPT without its copy', script: ubuntu, patch: [[520, 0xff]], cutToMib: 31, expect: /^corrupt: .*GPT is damaged/ },
  {
    name: 'a GPT whose entries are damaged at both ends',
    script: ubuntu,
    patch: [
      [1024, 9],
      [32 * MIB - 33 * 512, 9],
    ],
    expect: /^corrupt: .*GPT/,
  },
  { name: 'an empty disk', expect: /^layout: has no partition table: its start is empty/ },
  { name: 'text instead of a disk', patch: [[0, 60, 104, 116, 109, 108]], expect: /^layout: has no partition table: no signature/ },
  { name: 'less than a sector', sizeMib: 0, expect: /^layout: 0 bytes are too few/ },
  {
    name: 'a file system without partitions',
    patch: [
      [0, 0xeb, 0x3c, 0x90],
      [16, 2],
      [510, 0x55, 0xaa],
    ],
    expect: /^layout: .*starts with a file system/,
  },
  {
    name: 'boot code that is no table',
    patch: [
      [446, 0x77],
      [510, 0x55, 0xaa],
    ],
    expect: /^layout: .*boot code/,
  },
  {
    name: 'an image that was cut short',
    script: pi,
    cutToMib: 20,
    expect: /^corrupt: partition 2 ends at byte 29360128, the disk at 20971520: was the image cut short/,
  },
  {
    name: 'logical partitions in a circle',
    script: pi,
    patch: [
      [446 + 4, 0x05],
      [8192 * 512 + 450, 0x83, 0, 0, 0, 1, 0, 0, 0, 1],
      [8192 * 512 + 466, 0x05, 0, 0, 0, 0, 0, 0, 0, 1],
      [8192 * 512 + 510, 0x55, 0xaa],
    ],
    expect: /^corrupt: .*circle/,
  },
  {
    name: 'logical partitions without a table',
    script: pi,
    patch: [[446 + 4, 0x05]],
    expect: /^corrupt: the table of logical partitions at sector 8192/,
  },
]

const hasSfdisk = spawnSync('sfdisk', ['--version']).status === 0

for (const { name, script, sizeMib = 32, patch = [], cutToMib, expect } of cases)
  test(`reads ${name}`, { skip: script !== undefined && !hasSfdisk && 'sfdisk is missing: apt install fdisk' }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'bramble-partitions-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 'disk.img')
    const file = openSync(path, 'w+')
    ftruncateSync(file, sizeMib * MIB)
    if (script) assert.equal(spawnSync('sfdisk', ['--quiet', path], { input: script }).status, 0)
    for (const [position, ...bytes] of patch) writeSync(file, Buffer.from(bytes), 0, bytes.length, position)
    closeSync(file)
    if (cutToMib !== undefined) truncateSync(path, cutToMib * MIB)

    const disk = await openBlockFile(path)
    t.after(() => disk.close())
    const found = await readPartitions(disk).then(
      ({ scheme, id, partitions }) => [
        `${scheme} ${id}`,
        ...partitions.map(
          (each) => `${each.number} ${each.startBytes}+${each.sizeBytes} ${each.type}${each.isBootable ? ' bootable' : ''}`,
        ),
      ],
      (error) => `${error.code}: ${error.message}`,
    )
    if (expect instanceof RegExp) assert.match(String(found), expect)
    else assert.deepEqual(found, expect)
  })
