import { cpuMillis, memoryBytes } from '@bramble/api/quantity'
import type { PodSpec, PodStatus, ResourceList } from '@bramble/api/types/pod'

/**
 * How a pod fares when its node runs short.
 * @see Source: Kubernetes pkg/apis/core/v1/helper/qos ComputePodQOS: only cpu and memory count.
 */
export function qualityOfService(spec: PodSpec): NonNullable<PodStatus['qosClass']> {
  const containers = [...(spec.initContainers ?? []), ...spec.containers].map(({ resources }) => ({
    requests: amounts(resources?.requests),
    limits: amounts(resources?.limits),
  }))
  if (containers.every(({ requests, limits }) => isZero(requests) && isZero(limits))) return 'BestEffort'
  const guaranteed = containers.every(
    ({ requests, limits }) => limits.cpu > 0 && limits.memory > 0 && requests.cpu === limits.cpu && requests.memory === limits.memory,
  )
  return guaranteed ? 'Guaranteed' : 'Burstable'
}

interface Amounts {
  readonly cpu: number
  readonly memory: number
}
const amounts = (list: ResourceList | undefined): Amounts => ({ cpu: cpuMillis(list?.['cpu']), memory: memoryBytes(list?.['memory']) })
const isZero = ({ cpu, memory }: Amounts): boolean => cpu === 0 && memory === 0
