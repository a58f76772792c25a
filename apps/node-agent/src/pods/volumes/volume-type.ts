import type { Pod, Volume } from '@bramble/api/types/pod'
import type { PersistentVolume } from '@bramble/api/types/volume'
import type { ConfigSource, PodFacts } from '../environment.ts'
import type { CsiVolumes } from './csi/csi-volumes.ts'
import type { Mounter } from './mounts/mounter.ts'
import type { SlowWork } from './slow-work.ts'

/**
 * One way in which a volume comes to a pod, in one file; `all.ts` lists them.
 *
 * What a type mounts, it mounts in its {@link VolumeRequest.runFolder} or {@link VolumeRequest.dataFolder}: there it is found and
 * unmounted when the pod goes, also by an agent that knows nothing of it.
 */
export interface VolumeType {
  /** The field of a pod's volume, or of a PersistentVolume's spec, that is set. */
  readonly field: string
  /**
   * Makes the volume, or brings its content up to date. Safe to repeat, and after a crash anywhere in it.
   * @throws Error in Kubernetes' words; it is tried again later.
   */
  prepare(request: VolumeRequest, tools: VolumeTools): Promise<PreparedVolume>
  /** Undoes what unmounting and deleting its folders does not. Nothing to undo = success. */
  remove?(left: LeftVolume, tools: VolumeTools): Promise<void>
}

export interface VolumeRequest {
  readonly pod: Pod
  /** As the pod names it. */
  readonly volume: Volume
  /** What its claim is bound to. */
  readonly persistent?: PersistentVolume
  readonly readOnly: boolean
  readonly source: ConfigSource
  readonly facts: PodFacts
  /** Of this volume alone: in memory, gone after a reboot. Made by the type. */
  readonly runFolder: string
  /** Of this volume alone: on the disk. Made by the type. */
  readonly dataFolder: string
}

export interface PreparedVolume {
  /** What containers mount, or the device that they are given. */
  readonly path: string
  readonly readOnly: boolean
  readonly isDevice?: boolean
  /** Its server may be gone: look at it from another process first. */
  readonly mayHang?: boolean
}

/** What is found of a volume when its pod goes. */
export interface LeftVolume {
  readonly podUid: string
  readonly name: string
  readonly runFolder: string
  readonly dataFolder: string
}

export interface VolumeTools {
  readonly mounter: Mounter
  readonly slowWork: SlowWork
  /** Where volumes that the cluster's own provisioner makes are, each in a folder named after its PersistentVolume. */
  readonly volumeFolder: string
  /** Absent where nobody looks for CSI drivers. */
  readonly csi?: CsiVolumes
}
