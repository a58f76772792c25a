import { cpuMillis, memoryBytes } from '@bramble/api/quantity'
import type { Container, Pod, ResourceList, ResourceRequirements } from '@bramble/api/types/pod'
import { storedStatus } from '../pod-view.ts'
import { type Amounts, podRequests, runningTogether } from '../resources.ts'

// What a node has set aside for a pod, which its spec may have outgrown meanwhile. Source: kubelet allocation manager.

/** By container name. */
export type Allocation = ReadonlyMap<string, ResourceRequirements>

/** What the spec asks for. */
export const allocationOf = (pod: Pod): Allocation => new Map(runningTogether(pod).map(({ name, resources }) => [name, resources ?? {}]))

/** What an agent that knows nothing may assume: what the node said last, else what the spec asks for. */
export const firstAllocation = (pod: Pod): Allocation =>
  new Map(runningTogether(pod).map(({ name, resources }) => [name, storedStatus(pod, name)?.resources ?? resources ?? {}]))

/** The pod as the node runs it. */
export function withAllocation(pod: Pod, allocation: Allocation): Pod {
  if (!isResized(pod, allocation)) return pod
  const allocated = (container: Container): Container => {
    const resources = allocation.get(container.name)
    return resources ? { ...container, resources: { ...container.resources, ...resources } } : container
  }
  const { containers, initContainers } = pod.spec
  return {
    ...pod,
    spec: { ...pod.spec, containers: containers.map(allocated), ...(initContainers && { initContainers: initContainers.map(allocated) }) },
  }
}

/** The spec asks for something else than what is set aside. */
export const isResized = (pod: Pod, allocation: Allocation): boolean =>
  runningTogether(pod).some(({ name, resources = {} }) => {
    const allocated = allocation.get(name)
    return allocated !== undefined && (['limits', 'requests'] as const).some((list) => !isSame(resources[list], allocated[list]))
  })

export interface Refusal {
  readonly reason: 'Deferred' | 'Infeasible'
  readonly message: string
}

/**
 * Whether the node can give what the spec asks for.
 * @param used What other pods of the node have. @returns undefined when it can.
 * @see Source: kubelet allocation handlers and lifecycle InsufficientResourceError.
 */
export function refusalOf(pod: Pod, used: Amounts, allocatable: Amounts): Refusal | undefined {
  if (pod.metadata.annotations?.['kubernetes.io/config.source'] === 'file')
    return { reason: 'Infeasible', message: 'In-place resize of static-pods is not supported' }
  const wanted = podRequests(pod)
  for (const [name, kind] of RESOURCES)
    if (wanted[kind] > allocatable[kind])
      return {
        reason: 'Infeasible',
        message: `Node didn't have enough capacity: ${name}, requested: ${wanted[kind]}, capacity: ${allocatable[kind]}`,
      }
  for (const [name, kind] of [...RESOURCES].reverse())
    if (wanted[kind] + used[kind] > allocatable[kind])
      return {
        reason: 'Deferred',
        message: `Node didn't have enough resource: ${name}, requested: ${wanted[kind]}, used: ${used[kind]}, capacity: ${allocatable[kind]}`,
      }
  return undefined
}

const RESOURCES = [
  ['memory', 'memoryBytes'],
  ['cpu', 'cpuMillis'],
] as const

/** Who is asked first when room has become free: those that ask for no more, then the important, the guaranteed, those that wait longest. */
export function isBefore(a: Waiting, b: Waiting): number {
  return (
    Number(a.grows) - Number(b.grows) || b.priority - a.priority || Number(b.isGuaranteed) - Number(a.isGuaranteed) || a.sinceMs - b.sinceMs
  )
}
export interface Waiting {
  readonly grows: boolean
  readonly priority: number
  readonly isGuaranteed: boolean
  readonly sinceMs: number
}

/** Only cpu and memory can change. */
const isSame = (a: ResourceList = {}, b: ResourceList = {}): boolean =>
  cpuMillis(a['cpu']) === cpuMillis(b['cpu']) && memoryBytes(a['memory']) === memoryBytes(b['memory'])
