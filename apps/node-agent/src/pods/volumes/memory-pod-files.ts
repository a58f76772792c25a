import type { Container, Pod } from '@bramble/api/types/pod'
import type { ContainerState, Device, Mount } from '../../runtime/runtime.ts'
import type { ConfigSource, PodFacts } from '../environment.ts'
import { type PodDiskUsage, type PodFiles, VolumeError } from '../pod-files.ts'
import { VOLUME_TYPES } from './all.ts'
import { resolveVolume } from './claims.ts'
import { type VolumeContent, volumePayload } from './payload.ts'

/** Files of pods that run nothing: hollow nodes and the simulation. Content is made as on a disk, so that the same things fail. */
export class MemoryPodFiles implements PodFiles {
  /** By pod uid, then volume. */
  readonly volumes = new Map<string, ReadonlyMap<string, VolumeContent>>()
  /** Uids of pods whose emptyDir volumes are gone. */
  readonly emptied = new Set<string>()
  /** By container id: what its process wrote before it ended. */
  readonly lastWords = new Map<string, string>()

  async prepare(pod: Pod, source: ConfigSource, facts: PodFacts): Promise<void> {
    const made = new Map<string, VolumeContent>()
    for (const volume of pod.spec.volumes ?? []) {
      const { field } = resolveVolume(pod, volume, source, facts)
      if (!VOLUME_TYPES.some((type) => type.field === field))
        throw new VolumeError(volume.name, `volumes of type "${field}" are not supported on this node`)
      made.set(volume.name, volumePayload(volume, { pod, source, facts, name: volume.name }))
    }
    this.volumes.set(pod.metadata.uid, made)
  }

  async containerMounts(pod: Pod, container: Container): Promise<readonly Mount[]> {
    return (container.volumeMounts ?? []).map(({ name, mountPath, readOnly = false }) => ({
      hostPath: `/pods/${pod.metadata.uid}/${name}`,
      containerPath: mountPath,
      readOnly,
    }))
  }

  async containerDevices(): Promise<readonly Device[]> {
    return []
  }

  async environmentFiles(): Promise<ReadonlyMap<string, string>> {
    return new Map()
  }

  async terminationMessage(_pod: Pod, _container: Container, state: ContainerState): Promise<string> {
    return this.lastWords.get(state.id) ?? ''
  }

  async usageOf(): Promise<PodDiskUsage> {
    return { volumes: [], logBytes: 0 }
  }

  async removeEmptyDirs(pod: Pick<Pod, 'metadata'>): Promise<void> {
    this.emptied.add(pod.metadata.uid)
  }

  async removeAttempt(_pod: Pick<Pod, 'metadata'>, state: ContainerState): Promise<void> {
    this.lastWords.delete(state.id)
  }

  async removePod(pod: Pick<Pod, 'metadata'>): Promise<void> {
    this.volumes.delete(pod.metadata.uid)
  }

  async removeUnknown(isKnown: (podUid: string) => boolean): Promise<void> {
    for (const uid of this.volumes.keys()) if (!isKnown(uid)) this.volumes.delete(uid)
  }

  async removeVolume(): Promise<boolean> {
    return true
  }
}
