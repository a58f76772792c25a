import { constants } from 'node:fs'
import { type FileHandle, lchown, lstat, open, opendir } from 'node:fs/promises'
import { pathOf } from './safe-open.ts'

const READ_WRITE = 0o660
const FOLDER_BITS = 0o2110
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/**
 * Gives a volume with everything in it to a group, which may read and write it then; new files inherit the group. The volume's own
 * folder comes last: whoever finds it right knows that the rest is. Links are not followed, whatever is renamed meanwhile.
 *
 * @param policy `OnRootMismatch`: not when the volume's folder is right already. Else everything is looked at.
 * @see Source: kubernetes pkg/volume SetVolumeOwnership.
 */
export async function giveToGroup(
  folder: string,
  group: number,
  policy: 'OnRootMismatch' | 'Always' = 'Always',
  signal?: AbortSignal,
): Promise<void> {
  if (policy === 'OnRootMismatch' && isRight(await lstat(folder), group)) return
  const root = await open(folder, FLAGS | constants.O_DIRECTORY)
  try {
    await giveFolder(root, group, signal)
  } finally {
    await root.close()
  }
}

const isRight = ({ gid, mode }: { readonly gid: number; readonly mode: number }, group: number): boolean => {
  const wanted = READ_WRITE | FOLDER_BITS
  return gid === group && (mode & wanted) === wanted
}

async function giveFolder(folder: FileHandle, group: number, signal?: AbortSignal): Promise<void> {
  for await (const { name } of await opendir(pathOf(folder))) {
    signal?.throwIfAborted()
    await giveEntry(`${pathOf(folder)}/${name}`, group, signal)
  }
  await give(folder, group, READ_WRITE | FOLDER_BITS)
}

async function giveEntry(path: string, group: number, signal?: AbortSignal): Promise<void> {
  try {
    const info = await lstat(path)
    if (!info.isDirectory() && !info.isFile()) return await lchown(path, info.uid, group) // pipes and devices are not opened
    const file = await open(path, FLAGS)
    try {
      if (info.isDirectory()) await giveFolder(file, group, signal)
      else await give(file, group, READ_WRITE)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (!['ENOENT', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error // it went while we looked
  }
}

/** Writes only what is not right yet: a chmod would wear a card for nothing. */
async function give(file: FileHandle, group: number, bits: number): Promise<void> {
  const { uid, gid, mode } = await file.stat()
  if (gid !== group) await file.chown(uid, group)
  if ((mode & bits) !== bits || gid !== group) await file.chmod((mode & 0o7777) | bits)
}
