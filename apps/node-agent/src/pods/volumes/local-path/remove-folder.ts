import { lstat, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import type { PersistentVolume } from '@bramble/api/types/volume'
import { readIfPresent } from '../../../host/files.ts'
import { ifPresent } from '../if-present.ts'
import { mountsWithin } from '../mounts/mount-table.ts'
import type { Mounter } from '../mounts/mounter.ts'
import { deleteTree } from '../mounts/remove-tree.ts'
import { namesIn } from '../names-in.ts'
import { USED_VOLUME } from '../types/local.ts'

/**
 * Removes the folder of a volume with all that is in it: only at its own place, never through a link, never what is mounted there.
 * Absent = success.
 *
 * @throws Error that says why it must not be removed.
 */
export async function removeVolumeFolder({ metadata, spec }: PersistentVolume, volumeFolder: string, mounter: Mounter): Promise<void> {
  const path = spec.local?.path ?? ''
  if (!/^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/.test(metadata.name) || path !== join(volumeFolder, metadata.name))
    throw new Error(`"${path}" is not the volume's place in "${volumeFolder}", where this node keeps such volumes; it is not removed`)
  const found = await ifPresent(lstat(path))
  if (!found) return
  if (!found.isDirectory()) throw new Error(`"${path}" is no folder; it is not removed`)
  const [mounted] = mountsWithin(await mounter.list(), await realpath(path))
  if (mounted) throw new Error(`something is mounted at "${mounted.target}"; the volume is not removed`)
  await deleteTree(path)
}

/** Whether a pod of this node has the volume: its containers may still run, though nobody wants them any more. */
export async function isVolumeUsed(name: string, podsFolder: string): Promise<boolean> {
  for (const uid of await namesIn(podsFolder)) {
    const folder = join(podsFolder, uid, 'volumes', 'local')
    for (const volume of await namesIn(folder)) if ((await readIfPresent(join(folder, volume, USED_VOLUME))) === name) return true
  }
  return false
}
