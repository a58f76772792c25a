// Pure: pods that write more than they may. Source: kubelet eviction localStorageEviction.
import { memoryBytes } from '@bramble/api/quantity'
import type { Container, Pod } from '@bramble/api/types/pod'
import { ephemeralBytes, type PodUse } from './pod-use.ts'
import { containerStorageMessage, emptyDirMessage, podStorageMessage } from './words.ts'

/** Whether something of it has to be measured again and again. */
export const hasStorageLimit = ({ spec }: Pod): boolean =>
  (spec.volumes ?? []).some(({ emptyDir }) => memoryBytes(emptyDir?.sizeLimit) > 0) || hasEphemeralLimit({ spec })

/** Only then layers are measured: that asks the runtime. */
export const hasEphemeralLimit = ({ spec }: Pick<Pod, 'spec'>): boolean => spec.containers.some((container) => limitOf(container) > 0)

/** Why the pod has to go: what it was told not to write. undefined while it keeps to it. */
export function storageExcess({ pod, disk, containers }: PodUse): string | undefined {
  if (!disk) return undefined
  for (const { name, emptyDir } of pod.spec.volumes ?? []) {
    const limit = emptyDir?.sizeLimit
    const used = disk.volumes.find((volume) => volume.name === name)?.usedBytes ?? 0
    if (limit !== undefined && memoryBytes(limit) > 0 && used > memoryBytes(limit)) return emptyDirMessage(name, limit)
  }
  const podLimit = pod.spec.containers.reduce((sum, container) => sum + limitOf(container), 0)
  if (podLimit > 0 && ephemeralBytes(disk) > podLimit) return podStorageMessage(podLimit)
  for (const container of pod.spec.containers) {
    const used = containers.find(({ name }) => name === container.name)?.diskBytes ?? 0
    if (limitOf(container) > 0 && used > limitOf(container))
      return containerStorageMessage(container.name, container.resources!.limits!['ephemeral-storage']!)
  }
  return undefined
}

const limitOf = ({ resources }: Pick<Container, 'resources'>): number => memoryBytes(resources?.limits?.['ephemeral-storage'])
