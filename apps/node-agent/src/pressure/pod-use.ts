import type { Pod } from '@bramble/api/types/pod'
import type { SeenPod } from '../pods/streams/pod-lookup.ts'

/** What a pod takes of its node, as far as it is known. */
export interface PodUse {
  readonly pod: Pod
  /** Working set. */
  readonly memoryBytes?: number
  /** Processes and threads. */
  readonly tasks?: number
  /** Of every container that runs. */
  readonly containers: readonly ContainerUse[]
  /** Measured when disks are short, or when the pod has a limit. */
  readonly disk?: PodDiskUse
}
export interface ContainerUse {
  readonly name: string
  readonly memoryBytes?: number
  /** Written outside of volumes, and its logs. */
  readonly diskBytes?: number
}
export interface PodDiskUse {
  readonly volumes: readonly { readonly name: string; readonly inMemory: boolean; readonly usedBytes: number; readonly inodes: number }[]
  readonly logBytes: number
  /** What containers wrote outside of volumes. */
  readonly layerBytes: number
  readonly layerInodes: number
}

/** Of emptyDir volumes on the disk. */
export const volumeBytes = ({ volumes }: PodDiskUse): number =>
  volumes.reduce((sum, { inMemory, usedBytes }) => sum + (inMemory ? 0 : usedBytes), 0)

/** Everything of a pod that counts as ephemeral storage. */
export const ephemeralBytes = (disk: PodDiskUse): number => volumeBytes(disk) + disk.logBytes + disk.layerBytes

/** How much of a pod's disk use is looked at. */
export type DiskLook = 'none' | 'files' | 'files-and-layers'

export interface MeasurePods {
  /** @param look How closely; looking at disks reads every folder of theirs. */
  measure(pods: readonly SeenPod[], look: (pod: SeenPod) => DiskLook, signal: AbortSignal): Promise<readonly PodUse[]>
}
