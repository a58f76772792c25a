import { lstat, opendir, realpath, rmdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { isMissing } from '../../../host/files.ts'
import { ifPresent } from '../if-present.ts'
import { type MountEntry, mountsWithin } from './mount-table.ts'
import type { Mounter } from './mounter.ts'

const ROUNDS_MAX = 1_000

/**
 * Unmounts everything at and below a folder, the latest first, whoever mounted it: what counts is what the kernel shows.
 * @throws Error when something stays mounted.
 */
export async function unmountWithin(folder: string, mounter: Mounter): Promise<void> {
  const real = await ifPresent(realpath(folder))
  if (real === undefined) return
  let left: readonly MountEntry[] = []
  for (let round = 0; round < ROUNDS_MAX; round++) {
    left = mountsWithin(await mounter.list(), real)
    if (left.length === 0) return
    for (const { target } of left) await mounter.unmount(target)
  }
  throw new Error(`${left[0]!.target} stays mounted`)
}

/**
 * Removes a folder with all that is in it, after everything mounted there has been unmounted: what is mounted is never deleted.
 * Links are not followed. Absent = success; what is left after a failure can be removed the same way later.
 */
export async function removeTree(folder: string, mounter: Mounter): Promise<void> {
  await unmountWithin(folder, mounter)
  await deleteTree(folder)
}

/** Deletes a folder that nothing is mounted in. @throws Error at a file system that is not the folder's own. */
export async function deleteTree(path: string, device?: number): Promise<void> {
  try {
    const info = await lstat(path)
    if (device !== undefined && info.dev !== device) throw new Error(`${path} is on another file system; it is not removed`)
    if (!info.isDirectory()) return await unlink(path)
    for await (const entry of await opendir(path)) await deleteTree(join(path, entry.name), info.dev)
    await rmdir(path)
  } catch (error) {
    if (!isMissing(error)) throw error
  }
}
