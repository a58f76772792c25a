import type { Stats } from 'node:fs'
import { lstat, mkdir, realpath, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PersistentVolume } from '@bramble/api/types/volume'
import { readIfPresent } from '../../../host/files.ts'
import { ifPresent } from '../if-present.ts'
import { isProvisionedHere } from '../local-path/plan.ts'
import { makeFolder } from '../make-folder.ts'
import { giveToGroup } from '../ownership.ts'
import type { PreparedVolume, VolumeRequest, VolumeTools, VolumeType } from '../volume-type.ts'

/** In the volume's folder in memory: which volume the pod uses; for which group its content has been made. */
export const USED_VOLUME = 'volume'
const OWNED_BY = 'group'

/** A folder or a block device of this node, which outlives the pod. */
export const local: VolumeType = {
  field: 'local',
  async prepare(request, tools) {
    const { persistent, readOnly, runFolder } = request
    if (!persistent) throw new Error('local volumes need a PersistentVolume')
    const path = persistent.spec.local?.path ?? ''
    if (path.split('/').includes('..')) throw new Error(`invalid path: ${path} must not contain '..'`)
    await mkdir(runFolder, { recursive: true, mode: 0o750 })
    await writeFile(join(runFolder, USED_VOLUME), persistent.metadata.name)
    const info = await found(persistent, path, tools)
    if (persistent.spec.volumeMode === 'Block') return device(path, info, readOnly)
    if (info.isBlockDevice()) throw new Error(`${path} is a block device: its volumeMode must be Block`)
    if (!info.isDirectory()) throw new Error(`path "${path}" is not a directory`)
    if (!readOnly) await giveOnce(request, tools, path)
    return { path, readOnly }
  },
}

/** Folders of the cluster's own provisioner are made at their first use. */
async function found(persistent: PersistentVolume, path: string, { volumeFolder }: VolumeTools): Promise<Stats> {
  if (isProvisionedHere(persistent)) {
    if (path !== join(volumeFolder, persistent.metadata.name))
      throw new Error(`path "${path}" is not the volume's place in "${volumeFolder}", where this node keeps such volumes`)
    await mkdir(volumeFolder, { recursive: true, mode: 0o711 })
    await makeFolder(path, 0o777)
    if ((await lstat(path)).isSymbolicLink()) throw new Error(`path "${path}" is a link`)
  }
  const info = await ifPresent(stat(path))
  if (!info) throw new Error(`path "${path}" does not exist`)
  return info
}

async function device(path: string, info: Stats, readOnly: boolean): Promise<PreparedVolume> {
  if (!info.isBlockDevice()) throw new Error(`path "${path}" is not a block device`)
  return { path: await realpath(path), readOnly, isDevice: true }
}

/** Not at each start of a container, nor of the agent: a volume may hold a million files. */
async function giveOnce({ pod, volume, runFolder }: VolumeRequest, { slowWork }: VolumeTools, path: string): Promise<void> {
  const { fsGroup, fsGroupChangePolicy } = pod.spec.securityContext ?? {}
  const mark = join(runFolder, OWNED_BY)
  if (fsGroup === undefined || (await readIfPresent(mark)) === `${fsGroup}`) return
  await slowWork.get(
    `${pod.metadata.uid}/${volume.name}`,
    `the volume's files are still being given to group ${fsGroup}; fsGroupChangePolicy OnRootMismatch may spare that`,
    (signal) => giveToGroup(path, fsGroup, fsGroupChangePolicy, signal),
  )
  await writeFile(mark, `${fsGroup}`)
}
