import type { BlockFile } from './block-file.ts'
import { DiskError } from './disk-error.ts'

/** Where the parts of a FAT file system lie; positions are bytes of the disk. */
export interface FatLayout {
  readonly bits: 16 | 32
  readonly sectorBytes: number
  readonly clusterBytes: number
  /** Clusters are numbered from 2. */
  readonly clusterCount: number
  /** The copies of the table that are kept up to date; the first is the one that counts. */
  readonly tableStarts: readonly number[]
  /** FAT16: the root folder has a place of its own. FAT32: 0 bytes. */
  readonly rootStart: number
  readonly rootBytes: number
  /** FAT32: where the root folder begins. FAT16: 0. */
  readonly rootCluster: number
  readonly dataStart: number
  /** FAT32's sector that tells the free clusters, when there is one. */
  readonly infoStart: number | undefined
  readonly label: string
}

const BOOT_BYTES = 512
const FAT12_MAX = 4085
const FAT16_MAX = 65525
const TABLE_MAX_BYTES = 64 << 20

/** Reads the boot sector at `startBytes`. @throws DiskError 'layout' when this is no FAT16 or FAT32, 'corrupt' when it contradicts itself. */
export async function readFatLayout(disk: BlockFile, startBytes: number): Promise<FatLayout> {
  const boot = Buffer.alloc(BOOT_BYTES)
  if (startBytes + BOOT_BYTES > disk.sizeBytes) throw new DiskError('layout', `no FAT file system: the disk ends at byte ${disk.sizeBytes}`)
  await disk.read(boot, startBytes)
  const other = otherSystem(boot)
  if (other !== undefined) throw new DiskError('layout', `no FAT file system: ${other}`)

  const sectorBytes = boot.readUInt16LE(11)
  const clusterSectors = boot[13]!
  const reserved = boot.readUInt16LE(14)
  const copies = boot[16]!
  if (![512, 1024, 2048, 4096].includes(sectorBytes) || !isPowerOfTwo(clusterSectors) || reserved === 0 || copies === 0 || copies > 4)
    throw new DiskError('layout', 'no FAT file system: its geometry makes no sense')

  const rootBytes = Math.ceil((boot.readUInt16LE(17) * 32) / sectorBytes) * sectorBytes
  const sectors = boot.readUInt16LE(19) || boot.readUInt32LE(32)
  const tableSectors16 = boot.readUInt16LE(22)
  const tableBytes = (tableSectors16 || boot.readUInt32LE(36)) * sectorBytes
  const clusterBytes = clusterSectors * sectorBytes
  const head = reserved * sectorBytes + copies * tableBytes + rootBytes
  const clusterCount = Math.floor((sectors * sectorBytes - head) / clusterBytes)
  const bits = tableSectors16 === 0 ? 32 : 16 // as Linux decides; Windows goes by the count, which mkfs does not always keep to
  if (tableBytes === 0 || clusterCount < 1) throw new DiskError('layout', 'no FAT file system: it would have no room for files')
  if (bits === 16 && clusterCount < FAT12_MAX)
    throw new DiskError('layout', 'FAT12 is not supported: make the boot partition larger than 16 MiB, as FAT16 or FAT32')
  if (bits === 16 && clusterCount >= FAT16_MAX) throw new DiskError('corrupt', `FAT16 cannot have ${clusterCount} clusters`)
  if (bits === 32 && boot.readUInt16LE(42) !== 0) throw new DiskError('layout', 'no FAT file system: an unknown version of FAT32')
  if ((clusterCount + 2) * (bits / 8) > tableBytes) throw new DiskError('corrupt', 'its allocation table is shorter than the file system')
  if (tableBytes > TABLE_MAX_BYTES) throw new DiskError('layout', 'too large a FAT file system for a boot partition')
  if (startBytes + sectors * sectorBytes > disk.sizeBytes)
    throw new DiskError(
      'corrupt',
      `the FAT file system ends at byte ${startBytes + sectors * sectorBytes}, the disk at ${disk.sizeBytes}: was it cut short?`,
    )

  const flags = bits === 32 ? boot.readUInt16LE(40) : 0
  const active = flags & 0x80 ? [flags & 0x0f] : Array.from({ length: copies }, (_, index) => index)
  if (active[0]! >= copies) throw new DiskError('corrupt', `its allocation table ${active[0]} does not exist`)
  const info = bits === 32 ? boot.readUInt16LE(48) : 0
  const labelAt = bits === 32 ? 71 : 43
  return {
    bits,
    sectorBytes,
    clusterBytes,
    clusterCount,
    tableStarts: active.map((index) => startBytes + reserved * sectorBytes + index * tableBytes),
    rootStart: startBytes + head - rootBytes,
    rootBytes: bits === 32 ? 0 : rootBytes,
    rootCluster: bits === 32 ? boot.readUInt32LE(44) : 0,
    dataStart: startBytes + head,
    infoStart: info !== 0 && info < reserved ? startBytes + info * sectorBytes : undefined,
    label: boot.toString('latin1', labelAt, labelAt + 11).trimEnd(),
  }
}

const isPowerOfTwo = (value: number): boolean => value > 0 && (value & (value - 1)) === 0

/** What a boot sector that is not FAT's belongs to. */
function otherSystem(boot: Buffer): string | undefined {
  const maker = boot.toString('latin1', 3, 11)
  if (maker === 'EXFAT   ') return 'it is exFAT, which a Raspberry Pi does not boot from'
  if (maker === 'NTFS    ') return 'it is NTFS'
  if (boot.every((byte) => byte === 0)) return 'its start is empty'
  if (boot.readUInt16LE(510) !== 0xaa55) return 'no signature'
  return undefined
}
