import { DiskError } from '@bramble/provisioning/disk/disk-error'
import { type Drive, refusalOfSize } from '@bramble/provisioning/flash/drive'
import { driveAt, listDrives } from '@bramble/provisioning/flash/drives'
import { UsageError } from '../fail.ts'
import { printTable } from '../token.ts'
import { humanBytes } from './progress.ts'

export function printDrives(drives: readonly Drive[]): void {
  if (drives.length === 0) return console.log('this machine has no drives')
  const rows = drives.map(({ path, model, sizeBytes, refusals }) => [
    path,
    humanBytes(sizeBytes),
    model || '-',
    refusals.length === 0 ? 'yes' : `no: it ${refusals.join('; it ')}`,
  ])
  printTable([['DRIVE', 'SIZE', 'MODEL', 'MAY BE WRITTEN'], ...rows])
}

/**
 * The drive that was named, if it may be written.
 *
 * @param imageBytes Of the image, unpacked, when that is known.
 * @throws UsageError with the reason, and with the drives that could be meant.
 */
export async function chooseDrive(path: string, imageBytes: number | undefined): Promise<Drive> {
  let drive: Drive
  try {
    drive = await driveAt(path)
  } catch (error) {
    if (error instanceof DiskError) throw new UsageError(`--device ${error.message}${await candidates(path)}`)
    throw error
  }
  const refusals = [...drive.refusals, ...refusalOfSize(drive, imageBytes)]
  if (refusals.length === 0) return drive
  throw new UsageError(`--device ${path} (${called(drive)}) is not written: it ${refusals.join('; it ')}${await candidates(drive.path)}`)
}

/** `SD Card Reader, 31.9 GB` */
export const called = ({ model, sizeBytes }: Drive): string => `${model || 'unnamed drive'}, ${humanBytes(sizeBytes)}`

/** Which drives could be meant: the end of a message. */
export async function candidates(except?: string): Promise<string> {
  const writable = (await listDrives()).filter(({ path, refusals }) => refusals.length === 0 && path !== except)
  if (writable.length === 0) return '. No other drive may be written now: is the card in the reader? "bramble flash --list-drives" says why'
  return `. These may be written: ${writable.map((drive) => `${drive.path} (${called(drive)})`).join(', ')}`
}
