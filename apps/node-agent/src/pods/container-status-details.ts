import { quantityText } from '@bramble/api/quantity-text'
import type { Container, ContainerStatus, ResourceList, ResourceRequirements } from '@bramble/api/types/pod'
import type { ContainerResources } from '../runtime/runtime.ts'
import { containerResources } from './resources.ts'

/**
 * What was set aside for a container and what applies to it, which differ while a change is on its way.
 * @param given What the running container was given; undefined when that is what was set aside.
 * @see Source: kubelet convertContainerStatusResources.
 */
export function resourceStatus(
  { resources = {} }: Container,
  given: ContainerResources | undefined,
): Pick<ContainerStatus, 'resources' | 'allocatedResources'> {
  const { requests, limits } = resources
  if (!hasAny(requests) && !hasAny(limits)) return {}
  return { ...(hasAny(requests) && { allocatedResources: requests }), resources: given ? applied(resources, given) : resources }
}

function applied(allocated: ResourceRequirements, given: ContainerResources): ResourceRequirements {
  const wanted = containerResources({ resources: allocated })
  const cpu = (millis: number): string => quantityText(`${millis}m`)
  const changed = (name: keyof ContainerResources): number | undefined => (given[name] === wanted[name] ? undefined : given[name])
  const [cpuLimit, cpuRequest, memoryLimit] = [changed('cpuLimitMillis'), changed('cpuRequestMillis'), changed('memoryLimitBytes')]
  const limits = {
    ...allocated.limits,
    ...(cpuLimit !== undefined && { cpu: cpu(cpuLimit) }),
    ...(memoryLimit !== undefined && { memory: quantityText(memoryText(memoryLimit)) }),
  }
  const requests = { ...allocated.requests, ...(cpuRequest !== undefined && { cpu: cpu(cpuRequest) }) }
  return { ...(hasAny(limits) && { limits }), ...(hasAny(requests) && { requests }) }
}

/** In the largest unit that leaves nothing over, as people write it. */
function memoryText(bytes: number): string {
  for (const [unit, size] of [
    ['Gi', 2 ** 30],
    ['Mi', 2 ** 20],
    ['Ki', 2 ** 10],
  ] as const)
    if (bytes % size === 0) return `${bytes / size}${unit}`
  return String(bytes)
}

/** @see Source: core/v1 VolumeMountStatus; kubelet convertToAPIContainerStatuses. */
export function mountStatuses({ volumeMounts = [] }: Container): Pick<ContainerStatus, 'volumeMounts'> {
  if (volumeMounts.length === 0) return {}
  return {
    volumeMounts: volumeMounts.map(({ name, mountPath, readOnly, recursiveReadOnly = 'Disabled' }) => ({
      name,
      mountPath,
      ...(readOnly && { readOnly, recursiveReadOnly: recursiveReadOnly === 'Disabled' ? 'Disabled' : 'Enabled' }),
    })),
  }
}

const hasAny = (list: ResourceList | undefined): boolean => Object.keys(list ?? {}).length > 0
