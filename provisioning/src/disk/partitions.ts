import { crc32 } from 'node:zlib'
import type { BlockFile } from './block-file.ts'
import { DiskError } from './disk-error.ts'

export interface Partition {
  /** As the kernel counts: mmcblk0p1 is 1. Logical ones begin at 5. */
  readonly number: number
  readonly startBytes: number
  readonly sizeBytes: number
  /** MBR: two hexadecimal digits, such as '0c'. GPT: the type's GUID in small letters. */
  readonly type: string
  readonly isBootable: boolean
}

export interface PartitionTable {
  readonly scheme: 'mbr' | 'gpt'
  /** As in PARTUUID=: eight hexadecimal digits of an MBR, the GUID of a GPT; small letters. */
  readonly id: string
  readonly partitions: readonly Partition[]
}

const SECTOR = 512
const MBR_ENTRIES = 446
const PROTECTIVE = 0xee
const EXTENDED = new Set([0x05, 0x0f, 0x85])
const LOGICAL_MAX = 60

/** The partitions of a disk, MBR or GPT. @throws DiskError 'layout' when it has no table, 'corrupt' when the table contradicts itself. */
export async function readPartitions(disk: BlockFile): Promise<PartitionTable> {
  if (disk.sizeBytes < 2 * SECTOR) throw new DiskError('layout', `${disk.sizeBytes} bytes are too few for a disk`)
  const mbr = await sectorsAt(disk, 0, SECTOR)
  if (mbr.readUInt16LE(510) !== 0xaa55)
    throw new DiskError('layout', `has no partition table: ${isEmpty(mbr) ? 'its start is empty' : 'no signature'}`)
  const entries = mbrEntries(mbr)
  if (entries.some(({ status }) => status !== 0 && status !== 0x80) || (looksLikeFat(mbr) && entries.every(({ type }) => type === 0)))
    throw new DiskError('layout', 'has no partition table: it starts with a file system or another system’s boot code')
  const table = entries.some(({ type }) => type === PROTECTIVE) ? await readGpt(disk) : await readMbr(disk, mbr)
  const beyond = table.partitions.find(({ startBytes, sizeBytes }) => startBytes + sizeBytes > disk.sizeBytes)
  if (beyond) {
    const end = beyond.startBytes + beyond.sizeBytes
    throw new DiskError(
      'corrupt',
      `partition ${beyond.number} ends at byte ${end}, the disk at ${disk.sizeBytes}: was the image cut short?`,
    )
  }
  return table
}

interface MbrEntry {
  readonly index: number
  readonly status: number
  readonly type: number
  readonly start: number
  readonly count: number
}

const mbrEntries = (sector: Buffer): readonly MbrEntry[] =>
  [0, 1, 2, 3].map((index) => {
    const at = MBR_ENTRIES + index * 16
    return {
      index,
      status: sector[at]!,
      type: sector[at + 4]!,
      start: sector.readUInt32LE(at + 8),
      count: sector.readUInt32LE(at + 12),
    }
  })

async function readMbr(disk: BlockFile, mbr: Buffer): Promise<PartitionTable> {
  const partitions: Partition[] = []
  for (const entry of mbrEntries(mbr).filter(({ type, count }) => type !== 0 && count !== 0)) {
    partitions.push(partitionOf(entry.index + 1, 0, entry))
    if (EXTENDED.has(entry.type)) partitions.push(...(await readLogical(disk, entry.start)))
  }
  const id = mbr.readUInt32LE(440).toString(16).padStart(8, '0')
  return { scheme: 'mbr', id, partitions: partitions.sort((a, b) => a.number - b.number) }
}

/** Logical partitions: each has a table of its own with one entry for itself and one that names the next. */
async function readLogical(disk: BlockFile, extendedStart: number): Promise<readonly Partition[]> {
  const partitions: Partition[] = []
  for (let start = extendedStart; partitions.length < LOGICAL_MAX; ) {
    const sector = await sectorsAt(disk, start * SECTOR, SECTOR)
    if (sector.readUInt16LE(510) !== 0xaa55)
      throw new DiskError('corrupt', `the table of logical partitions at sector ${start} has no signature`)
    const [own, next] = mbrEntries(sector)
    if (own!.type !== 0 && own!.count !== 0) partitions.push(partitionOf(5 + partitions.length, start, own!))
    if (next!.type === 0 || next!.count === 0) return partitions
    start = extendedStart + next!.start
  }
  throw new DiskError('corrupt', `more than ${LOGICAL_MAX} logical partitions: their tables run in a circle`)
}

const partitionOf = (number: number, base: number, { status, type, start, count }: MbrEntry): Partition => ({
  number,
  startBytes: (base + start) * SECTOR,
  sizeBytes: count * SECTOR,
  type: type.toString(16).padStart(2, '0'),
  isBootable: status === 0x80,
})

/** GPT: the header behind the protective MBR or, when that one is damaged, its copy in the last sector. */
async function readGpt(disk: BlockFile): Promise<PartitionTable> {
  for (const headerAt of [SECTOR, disk.sizeBytes - (disk.sizeBytes % SECTOR) - SECTOR]) {
    const header = await sectorsAt(disk, headerAt, SECTOR)
    const headerBytes = header.readUInt32LE(12)
    if (header.toString('latin1', 0, 8) !== 'EFI PART' || headerBytes < 92 || headerBytes > SECTOR) continue
    const checked = Buffer.from(header.subarray(0, headerBytes))
    checked.writeUInt32LE(0, 16)
    if (crc32(checked) !== header.readUInt32LE(16)) continue
    const count = header.readUInt32LE(80)
    const entryBytes = header.readUInt32LE(84)
    if (entryBytes < 128 || count * entryBytes > 1 << 20) continue
    const entries = await sectorsAt(disk, Number(header.readBigUInt64LE(72)) * SECTOR, Math.ceil((count * entryBytes) / SECTOR) * SECTOR)
    if (crc32(entries.subarray(0, count * entryBytes)) !== header.readUInt32LE(88)) continue
    return { scheme: 'gpt', id: guidOf(header, 56), partitions: gptPartitions(entries, count, entryBytes) }
  }
  throw new DiskError('corrupt', 'its GPT is damaged, and so is the copy at its end: was the image cut short?')
}

const LEGACY_BOOTABLE = 4n

const gptPartitions = (entries: Buffer, count: number, entryBytes: number): readonly Partition[] =>
  Array.from({ length: count }, (_, index) => ({ index, at: index * entryBytes }))
    .filter(({ at }) => !isEmpty(entries.subarray(at, at + 16)))
    .map(({ index, at }) => {
      const first = Number(entries.readBigUInt64LE(at + 32))
      const last = Number(entries.readBigUInt64LE(at + 40))
      return {
        number: index + 1,
        startBytes: first * SECTOR,
        sizeBytes: (last - first + 1) * SECTOR,
        type: guidOf(entries, at),
        isBootable: (entries.readBigUInt64LE(at + 48) & LEGACY_BOOTABLE) !== 0n,
      }
    })

/** A GUID as people write it: the first three groups are little-endian on the disk. */
function guidOf(bytes: Buffer, at: number): string {
  const reversed = (from: number, to: number): string =>
    Buffer.from(bytes.subarray(at + from, at + to))
      .reverse()
      .toString('hex')
  return [
    reversed(0, 4),
    reversed(4, 6),
    reversed(6, 8),
    bytes.toString('hex', at + 8, at + 10),
    bytes.toString('hex', at + 10, at + 16),
  ].join('-')
}

async function sectorsAt(disk: BlockFile, position: number, length: number): Promise<Buffer> {
  if (position + length > disk.sizeBytes)
    throw new DiskError('corrupt', `its partition table points beyond its end at byte ${disk.sizeBytes}`)
  const bytes = Buffer.alloc(length)
  await disk.read(bytes, position)
  return bytes
}

const isEmpty = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)

/** A FAT volume without partitions has a jump where an MBR has code, and its geometry behind it. */
const looksLikeFat = (sector: Buffer): boolean => (sector[0] === 0xeb || sector[0] === 0xe9) && [1, 2].includes(sector[16]!)
