import { open, readdir, rm } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { must } from '../run.ts'

const MIB = 1024 * 1024
const SECTOR = 512
/** Cards erase in blocks of 4 MiB: nothing shares one with the partition table. */
export const BOOT_START = 4 * MIB
export const BOOT_BYTES = 256 * MIB
const ROOT_START = BOOT_START + BOOT_BYTES
/** What the root needs beyond its files: tables of the file system, and room to work before it has grown. */
const ROOT_SHARE = 1.12
const ROOT_ROOM = 160 * MIB

/** The same for each image, so that cmdline.txt and fstab are: cards are told apart by what their nodes make of them. */
export const DISK_ID = 'b7a4b1e5'
const BOOT_ID = 'b7a4b1e5'
const ROOT_UUID = 'b7a4b1e5-0000-4000-8000-6272616d626c'
const HASH_SEED = 'b7a4b1e5-0000-4000-8000-000068617368'

export interface DiskOptions {
  /** Files of the root; its boot/firmware is what the boot partition gets, and is empty afterwards. */
  readonly tree: string
  readonly output: string
  /** Bytes of the whole image; undefined: what the files need. */
  readonly sizeBytes: number | undefined
  /** Seconds since 1970: every time in both file systems that is younger becomes this one. */
  readonly epoch: number
}

/**
 * A disk with an MBR, a FAT boot partition and an ext4 root, made of files, without a mount or a loop device. The same tree gives the
 * same bytes.
 *
 * @throws Error when the files do not fit.
 */
export async function writeDisk({ tree, output, sizeBytes, epoch }: DiskOptions): Promise<void> {
  const boot = join(tree, 'boot/firmware')
  const usedBytes = Number((await must('du', ['-s', '-B4096', '--apparent-size', `--exclude=${boot}/*`, tree])).split('\t')[0]) * 4096
  const rootBytes = roundUp(sizeBytes === undefined ? usedBytes * ROOT_SHARE + ROOT_ROOM : sizeBytes - ROOT_START, MIB)
  if (rootBytes < usedBytes * 1.05 + 16 * MIB)
    throw new Error(
      `the image needs at least ${Math.ceil((usedBytes * ROOT_SHARE + ROOT_START) / MIB) + 16} MiB: give a larger --size, or none`,
    )

  await rm(output, { force: true })
  const file = await open(output, 'wx')
  await file.truncate(ROOT_START + rootBytes)
  await file.close()
  await writeTable(output, rootBytes)
  await writeBoot(boot, output, epoch)
  for (const name of await readdir(boot)) await rm(join(boot, name), { recursive: true })
  await must('touch', [`--date=@${epoch}`, boot])
  await writeRoot(tree, output, rootBytes, epoch)
}

async function writeTable(output: string, rootBytes: number): Promise<void> {
  const partition = (start: number, size: number, rest: string): string => `start=${start / SECTOR}, size=${size / SECTOR}, ${rest}\n`
  const input = `label: dos\nlabel-id: 0x${DISK_ID}\n${partition(BOOT_START, BOOT_BYTES, 'type=c, bootable')}${partition(ROOT_START, rootBytes, 'type=83')}`
  await must('sfdisk', ['--quiet', '--wipe=never', output], { input })
}

/** In the order of names, with the times of the files and none of today. */
async function writeBoot(boot: string, output: string, epoch: number): Promise<void> {
  const env = { TZ: 'UTC', LC_ALL: 'C', SOURCE_DATE_EPOCH: String(epoch), MTOOLS_SKIP_CHECK: '1' }
  const blocks = String(BOOT_BYTES / 1024)
  await must(
    'mkfs.vfat',
    [
      '-F',
      '32',
      '-s',
      '4',
      '-h',
      String(BOOT_START / SECTOR),
      '-n',
      'BOOTFS',
      '-i',
      BOOT_ID,
      '--invariant',
      '--offset',
      String(BOOT_START / SECTOR),
      output,
      blocks,
    ],
    { env },
  )
  const image = `${output}@@${BOOT_START}`
  const entries = await readdir(boot, { withFileTypes: true, recursive: true })
  const named = entries.map((entry) => ({ entry, name: relative(boot, join(entry.parentPath, entry.name)) }))
  for (const { entry, name } of named.sort((a, b) => (a.name < b.name ? -1 : 1)))
    if (entry.isDirectory()) await must('mmd', ['-i', image, `::${name}`], { env })
    else if (entry.isFile()) await must('mcopy', ['-m', '-i', image, join(boot, name), `::${name}`], { env })
}

async function writeRoot(tree: string, output: string, rootBytes: number, epoch: number): Promise<void> {
  const env = { TZ: 'UTC', LC_ALL: 'C', E2FSPROGS_FAKE_TIME: String(epoch), SOURCE_DATE_EPOCH: String(epoch), MKE2FS_SKIP_PROGRESS: '1' }
  const extended = `offset=${ROOT_START},hash_seed=${HASH_SEED},root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0`
  const form = ['-q', '-F', '-t', 'ext4', '-b', '4096', '-I', '256', '-i', '16384', '-m', '1', '-L', 'rootfs', '-U', ROOT_UUID]
  await must('mke2fs', [...form, '-E', extended, '-d', tree, output, String(rootBytes / 4096)], { env })
  await settleTimes(`${output}?offset=${ROOT_START}`, env)
}

/** mke2fs copies also when inodes of the tree were last changed or read: that is the time of this build. */
async function settleTimes(device: string, env: Readonly<Record<string, string>>): Promise<void> {
  const text = await must('dumpe2fs', ['-h', device], { env })
  const number = (name: string): number => Number(new RegExp(`^${name}: +(\\d+)$`, 'm').exec(text)?.[1])
  const used = number('Inode count') - number('Free inodes')
  const at = `@${env['SOURCE_DATE_EPOCH']}`
  const commands: string[] = []
  // they are given out in order, the first ten are the file system's own but for its root
  for (const inode of [2, ...Array.from({ length: used - 10 }, (_, index) => index + 11)])
    for (const field of ['atime', 'ctime', 'crtime']) {
      commands.push(`set_inode_field <${inode}> ${field} ${at}`, `set_inode_field <${inode}> ${field}_extra 0`)
    }
  const said = await must('debugfs', ['-w', '-f', '-', device], { env, input: `${commands.join('\n')}\n` })
  const complaint = said.split('\n').find((line) => line !== '' && !line.startsWith('debugfs:'))
  if (complaint !== undefined) throw new Error(`debugfs: ${complaint}`)
}

const roundUp = (bytes: number, unit: number): number => Math.ceil(bytes / unit) * unit

/** For tests: mtools' name of the boot partition of an image. */
export const bootPartition = (image: string): string => `${image}@@${BOOT_START}`
