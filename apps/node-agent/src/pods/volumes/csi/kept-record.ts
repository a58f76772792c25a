import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { atomicWrite, readIfPresent } from '../../../host/files.ts'
import { namesIn } from '../names-in.ts'

/** What is kept on the disk of a volume that a driver was, or may have been, asked for. Kubelet's name and fields. */
export interface VolumeRecord {
  readonly driverName: string
  readonly volumeHandle: string
  readonly volumeLifecycleMode: 'Persistent' | 'Ephemeral'
  /** Where it is staged; absent: it is not. */
  readonly stagingPath?: string
}

const NAME = 'vol_data.json'

/** Synced: it says what there is to undo, so it comes before what it speaks of. */
export async function writeRecord(folder: string, record: VolumeRecord): Promise<void> {
  const text = JSON.stringify(record)
  if ((await readIfPresent(join(folder, NAME))) !== text) await atomicWrite(join(folder, NAME), text, 0o600)
}

/** @throws Error for a record that cannot be read: nothing of the volume may be removed then. */
export async function readRecord(folder: string): Promise<VolumeRecord | undefined> {
  const text = await readIfPresent(join(folder, NAME))
  if (text === undefined) return undefined
  try {
    const record = JSON.parse(text) as Partial<VolumeRecord> | null
    if (record && typeof record.driverName === 'string' && typeof record.volumeHandle === 'string') return record as VolumeRecord
  } catch {} // as one that says nothing
  throw new Error(`kubernetes.io/csi: ${join(folder, NAME)} says not which volume it is of`)
}

export const removeRecord = (folder: string): Promise<void> => rm(join(folder, NAME), { force: true })

/** Where a volume is staged, once for all pods of this node. As kubelet, so that any handle is a name of a folder. */
export const stageFolder = (root: string, driver: string, handle: string): string =>
  join(root, driver, createHash('sha256').update(handle).digest('hex'))

/**
 * Whether another pod of this node has the volume, or may be getting it.
 * @param dataFolder Of one pod's volume: `<pods>/<uid>/volumes/csi/<name>`.
 */
export async function isUsedByOthers({ driverName, volumeHandle }: VolumeRecord, dataFolder: string): Promise<boolean> {
  const pods = join(dataFolder, '..', '..', '..', '..')
  for (const uid of await namesIn(pods)) {
    const volumes = join(pods, uid, 'volumes', 'csi')
    for (const name of await namesIn(volumes)) {
      const folder = join(volumes, name)
      if (folder === dataFolder) continue
      const other = await readRecord(folder)
      if (other?.driverName === driverName && other.volumeHandle === volumeHandle) return true
    }
  }
  return false
}
