import type { Container, Pod } from '@bramble/api/types/pod'
import type { ContainerState, Mount } from '../../runtime/runtime.ts'
import type { ConfigSource } from '../environment.ts'
import { type PodFiles, VolumeError } from '../pod-files.ts'
import { configContent, type VolumeContent } from './config-content.ts'

/** Files of pods that run nothing: hollow nodes and the simulation. Content is made as on a disk, so that the same things fail. */
export class MemoryPodFiles implements PodFiles {
  /** By pod uid, then volume. */
  readonly volumes = new Map<string, ReadonlyMap<string, VolumeContent>>()
  /** By container id: what its process wrote before it ended. */
  readonly lastWords = new Map<string, string>()

  async prepare(pod: Pod, source: ConfigSource): Promise<void> {
    const made = new Map<string, VolumeContent>()
    for (const volume of pod.spec.volumes ?? []) {
      if (volume.configMap || volume.secret) made.set(volume.name, configContent(pod, volume, source))
      else if (volume.emptyDir || volume.hostPath) made.set(volume.name, new Map())
      else throw new VolumeError(volume.name, UNSUPPORTED_VOLUME)
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

  async terminationMessage(_pod: Pod, _container: Container, state: ContainerState): Promise<string> {
    return this.lastWords.get(state.id) ?? ''
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
}

export const UNSUPPORTED_VOLUME = 'this kind of volume is not supported; emptyDir, hostPath, configMap and secret are'
