import { constants } from 'node:fs'
import { type FileHandle, mkdir, open } from 'node:fs/promises'

/** From fcntl.h: the file itself, neither for reading nor for writing. */
const O_PATH = 0o10000000
const FOLDER = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW

/** A path that is the open file itself, wherever it is by now. For this process; {@link pathForOthers} for its children. */
export const pathOf = (file: FileHandle): string => `/proc/self/fd/${file.fd}`
export const pathForOthers = (file: FileHandle): string => `/proc/${process.pid}/fd/${file.fd}`

/**
 * Opens what is at `parts` below a folder. Nobody who changes names meanwhile can lead it out: each step starts at the folder that
 * was opened before it, and links are refused.
 *
 * @throws Error with code ELOOP or ENOTDIR at a link, ENOENT when it is not there. The caller closes what it gets.
 */
export async function openBelow(root: string, parts: readonly string[]): Promise<FileHandle> {
  let at = await open(root, FOLDER)
  for (const [index, part] of parts.entries()) {
    const isLast = index === parts.length - 1
    at = await stepInto(at, part, isLast ? O_PATH | constants.O_NOFOLLOW : FOLDER)
    if (isLast) await refuseLink(at, part)
  }
  return at
}

/** Makes the folders `parts` below a folder in the same way; `mode` is given to the last. */
export async function makeFoldersBelow(root: string, parts: readonly string[], mode: number): Promise<void> {
  let at = await open(root, FOLDER)
  try {
    for (const part of parts) {
      await mkdir(`${pathOf(at)}/${part}`, 0o755).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error
      })
      at = await stepInto(at, part, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
    }
    if (parts.length > 0) await at.chmod(mode)
  } finally {
    await at.close()
  }
}

/** Closes the folder in any case. */
async function stepInto(folder: FileHandle, part: string, flags: number): Promise<FileHandle> {
  try {
    return await open(`${pathOf(folder)}/${part}`, flags)
  } finally {
    await folder.close()
  }
}

async function refuseLink(file: FileHandle, part: string): Promise<void> {
  if (!(await file.stat()).isSymbolicLink()) return
  await file.close()
  throw Object.assign(new Error(`${part} is a link`), { code: 'ELOOP' })
}
