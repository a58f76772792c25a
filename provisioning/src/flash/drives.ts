import { realpath, stat } from 'node:fs/promises'
import { DiskError } from '../disk/disk-error.ts'
import { must, run } from '../run.ts'
import { drivesOfDiskutil, wholeDisks } from './diskutil.ts'
import type { Drive } from './drive.ts'
import { drivesOfLsblk, lsblkColumns, wholeDiskOf } from './lsblk.ts'

/** Every disk of this machine, with the reasons why it may not be written. @throws Error when the system's tool fails. */
export async function listDrives(): Promise<readonly Drive[]> {
  if (process.platform !== 'darwin') return drivesOfLsblk(await lsblk())
  const list = await must('diskutil', ['list', '-plist'])
  const infos: string[] = []
  for (const name of wholeDisks(list)) infos.push(await must('diskutil', ['info', '-plist', name]))
  return drivesOfDiskutil(list, infos)
}

/**
 * The disk that a path means, links such as /dev/disk/by-id followed.
 * @throws DiskError 'path' when it is no disk or only a part of one.
 */
export async function driveAt(path: string): Promise<Drive> {
  const real = await realpath(path).catch(() => {
    throw new DiskError('path', `${path}: is not there: is the card in its reader?`)
  })
  const device = real.replace(/^\/dev\/rdisk/, '/dev/disk')
  const drive = (await listDrives()).find((each) => each.path === device)
  if (drive) return drive
  const kind = await stat(device)
  if (!kind.isBlockDevice() && !kind.isCharacterDevice())
    throw new DiskError('path', `${path}: is no device: to make an image file, use --output`)
  const whole = process.platform === 'darwin' ? /^(\/dev\/disk\d+)s/.exec(device)?.[1] : wholeDiskOf(await lsblk(), device)
  throw new DiskError(
    'path',
    whole !== undefined && whole !== device
      ? `${path}: is a part of ${whole}: give the whole disk`
      : `${path}: is no disk that can be written`,
  )
}

async function lsblk(): Promise<string> {
  const args = (mounts: 'mountpoints' | 'mountpoint'): readonly string[] => ['--json', '--bytes', '--output', lsblkColumns(mounts)]
  const { exitCode, stdout, stderr } = await run('lsblk', args('mountpoints'))
  if (exitCode === 0) return stdout
  if (/unknown column/.test(stderr)) return must('lsblk', args('mountpoint'))
  if (exitCode === 127) throw new Error('lsblk is missing: apt install util-linux')
  throw new Error(`lsblk: ${stderr.trim()}`)
}
