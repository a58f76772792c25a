import { mkdir } from 'node:fs/promises'
import { memoryBytes } from '@bramble/api/quantity'
import { podResources } from '../../resources.ts'
import { makeFolder } from '../make-folder.ts'
import { NEVER_SWAPPED } from '../mounts/memory-folder.ts'
import { mountAt } from '../mounts/mount-table.ts'
import type { PreparedVolume, VolumeRequest, VolumeTools, VolumeType } from '../volume-type.ts'

const OPEN_TO_ALL = 0o777
const GROUP_INHERITED = 0o2000

/** A folder that lives as long as its pod. On the disk it survives a reboot, in memory it is a file system of its own. */
export const emptyDir: VolumeType = {
  field: 'emptyDir',
  async prepare(request, tools) {
    const medium = request.volume.emptyDir?.medium ?? ''
    if (medium === 'Memory') return inMemory(request, tools)
    if (medium.startsWith('HugePages')) throw new Error(`storage medium "${medium}" is not supported: this node gives no huge pages`)
    if (medium !== '') throw new Error(`unknown storage medium "${medium}"`)
    const group = request.pod.spec.securityContext?.fsGroup
    await makeFolder(request.dataFolder, group === undefined ? OPEN_TO_ALL : OPEN_TO_ALL | GROUP_INHERITED, group)
    return { path: request.dataFolder, readOnly: false }
  },
}

async function inMemory(request: VolumeRequest, { mounter }: VolumeTools): Promise<PreparedVolume> {
  const { runFolder } = request
  const ready = { path: runFolder, readOnly: false }
  if (mountAt(await mounter.list(), runFolder)) return ready
  await mkdir(runFolder, { recursive: true })
  await mounter.mount({ type: 'tmpfs', source: 'tmpfs', target: runFolder, options: memoryOptions(request) })
  return ready
}

/**
 * As large as its limit says, and no larger than what the pod may use; without either, half of the node's memory.
 * @see Source: kubelet volume/emptydir calculateEmptyDirMemorySize.
 */
function memoryOptions({ pod, volume }: VolumeRequest): readonly string[] {
  const limits = [podResources(pod).memoryLimitBytes ?? 0, memoryBytes(volume.emptyDir?.sizeLimit)].filter((bytes) => bytes > 0)
  const group = pod.spec.securityContext?.fsGroup
  return [
    ...(limits.length > 0 ? [`size=${Math.min(...limits)}`] : []),
    ...(group === undefined ? ['mode=1777'] : ['mode=3777', `gid=${group}`]),
    ...NEVER_SWAPPED,
  ]
}
