// Pure: what is said of pods that are evicted. Source: kubelet eviction helpers.go, evictionMessage and the formats above it.
import { memoryBytes as bytesOf } from '@bramble/api/quantity'
import { quantityText } from '@bramble/api/quantity-text'
import type { Container } from '@bramble/api/types/pod'
import { runningTogether } from '../pods/resources.ts'
import type { ContainerUse, PodUse } from './pod-use.ts'
import { type Observations, type PressureType, RESOURCE_OF, type ScarceResource } from './signals.ts'
import { levelValue, type Threshold } from './thresholds.ts'

/** @param threshold That was crossed. */
export function evictionMessage({ pod, containers }: PodUse, threshold: Threshold, observations: Observations): string {
  const resource = RESOURCE_OF[threshold.signal]
  const seen = observations.get(threshold.signal)
  const amount = (value: number): string => (resource === 'inodes' || resource === 'pids' ? quantityText(value) : bytesText(value))
  const met = seen
    ? `Threshold quantity: ${amount(levelValue(threshold.level, seen.capacity))}, available: ${amount(seen.available)}. `
    : ''
  const greedy = runningTogether(pod).flatMap((container) => {
    const used = usedOf(
      resource,
      containers.find(({ name }) => name === container.name),
    )
    const requested = requestOf(resource, container)
    if (used === undefined || used <= requested.bytes) return []
    return `Container ${container.name} was using ${bytesText(used)}, request is ${requested.text}, has larger consumption of ${resource}. `
  })
  return `The node was low on resource: ${resource}. ${met}${greedy.join('')}`
}

/** Why a pod that is new is not taken in. */
export const rejectionMessage = (pressures: readonly PressureType[]): string => `The node had condition: [${pressures.join(' ')}]. `

export const emptyDirMessage = (volume: string, limit: string | number): string =>
  `Usage of EmptyDir volume "${volume}" exceeds the limit "${quantityText(limit)}". `

export const podStorageMessage = (limitBytes: number): string =>
  `Pod ephemeral local storage usage exceeds the total limit of containers ${bytesText(limitBytes)}. `

export const containerStorageMessage = (container: string, limit: string | number): string =>
  `Container ${container} exceeded its local ephemeral storage limit "${quantityText(limit)}". `

/** As the API prints an amount of bytes: 1Gi, 1500Ki, 1023. */
export function bytesText(bytes: number): string {
  let [rest, index] = [Math.floor(bytes), 0]
  if (rest < 1024) return quantityText(rest)
  while (rest % 1024 === 0) {
    rest /= 1024
    index++
  }
  return `${rest}${['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'][index]}`
}

const usedOf = (resource: ScarceResource, use: ContainerUse | undefined): number | undefined =>
  resource === 'memory' ? use?.memoryBytes : resource === 'ephemeral-storage' ? use?.diskBytes : undefined

function requestOf(resource: ScarceResource, { resources }: Container): { readonly bytes: number; readonly text: string } {
  const requested = resources?.requests?.[resource]
  return { bytes: bytesOf(requested), text: quantityText(requested) }
}
