import { lstat, mkdir, realpath, stat, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { ifPresent } from './if-present.ts'
import { isWithin, mountAt } from './mounts/mount-table.ts'
import type { Mounter } from './mounts/mounter.ts'
import { deleteTree } from './mounts/remove-tree.ts'
import { makeFoldersBelow, openBelow, pathForOthers } from './safe-open.ts'

/**
 * Makes the sub path of a volume as a folder when it is not there, with the permissions of the volume's own folder.
 *
 * @param subPath Relative, without `..`.
 * @throws Error when its links lead out of the volume, or something on the way is no folder.
 * @see Source: kubernetes pkg/volume/util/subpath SafeMakeDir.
 */
export async function makeSubPath(volume: string, subPath: string): Promise<void> {
  const root = await realpath(volume)
  const wanted = join(root, subPath)
  if (await ifPresent(stat(wanted))) return
  let present = dirname(wanted)
  while (present !== root && !(await ifPresent(lstat(present)))) present = dirname(present)
  const real = await realpath(present)
  if (!isWithin(real, root)) throw new Error(`${present} leads out of the volume`)
  const { mode } = await stat(root)
  await makeFoldersBelow(root, partsOf(root, join(real, relative(present, wanted))), mode & 0o7777)
}

/**
 * Binds the sub path of a volume to `target`, so that what a container gets is what was checked, whatever is renamed meanwhile.
 * Bound already = success. The mount is found again below the pod's folder and unmounted with it.
 *
 * @throws Error when its links lead out of the volume.
 * @see Source: kubernetes pkg/volume/util/subpath doBindSubPath.
 */
export async function bindSubPath(volume: string, subPath: string, target: string, mounter: Mounter): Promise<void> {
  const root = await realpath(volume)
  const real = await realpath(join(root, subPath))
  if (!isWithin(real, root)) throw new Error(`${subPath} leads out of the volume`)
  const file = await openBelow(root, partsOf(root, real))
  try {
    const info = await file.stat()
    while (mountAt(await mounter.list(), target)) {
      const bound = await stat(target)
      if (bound.dev === info.dev && bound.ino === info.ino) return
      await mounter.unmount(target)
    }
    await deleteTree(target) // what a mount was at, of whatever kind
    await mkdir(dirname(target), { recursive: true, mode: 0o750 })
    if (info.isDirectory()) await mkdir(target, { mode: 0o750 })
    else await writeFile(target, '', { mode: 0o640 })
    await mounter.bind(pathForOthers(file), target)
  } finally {
    await file.close()
  }
}

const partsOf = (root: string, path: string): readonly string[] => relative(root, path).split('/').filter(Boolean)
