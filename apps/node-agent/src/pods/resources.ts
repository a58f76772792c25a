import { cpuMillis, memoryBytes, quantityValue } from '@bramble/api/quantity'
import type { Container, Pod } from '@bramble/api/types/pod'
import type { ContainerResources, PodResources } from '../runtime/runtime.ts'
import { isSidecar } from './restart-policy.ts'

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort'

/** @see Source: Kubernetes "Pod Quality of Service Classes". */
export function qosClass(pod: Pod): QosClass {
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers]
  const amounts = (container: Container, kind: 'limits' | 'requests'): readonly number[] =>
    (['cpu', 'memory'] as const).map((name) => quantityValue(container.resources?.[kind]?.[name] ?? 0) ?? 0)
  if (containers.every((container) => [...amounts(container, 'limits'), ...amounts(container, 'requests')].every((amount) => amount === 0)))
    return 'BestEffort'
  const guaranteed = containers.every((container) => {
    const limits = amounts(container, 'limits')
    const requests = amounts(container, 'requests')
    return limits.every((limit, index) => limit > 0 && (requests[index] === 0 || requests[index] === limit))
  })
  return guaranteed ? 'Guaranteed' : 'Burstable'
}

/**
 * Whom the kernel kills first when memory runs out: 1000 first. Never below 0, so that an agent without CAP_SYS_RESOURCE can set it.
 * @see Source: kubelet qos GetContainerOOMScoreAdjust.
 */
export function oomScoreAdj(pod: Pod, container: Container, nodeMemoryBytes: number): number {
  const qos = qosClass(pod)
  if (qos === 'Guaranteed') return 0
  if (qos === 'BestEffort' || nodeMemoryBytes <= 0) return 1000
  const requested = memoryBytes(container.resources?.requests?.memory ?? container.resources?.limits?.memory)
  return Math.min(999, Math.max(3, 1000 - Math.floor((1000 * requested) / nodeMemoryBytes)))
}

/** Limits that the kernel enforces, and the requested share of CPU: a limit alone is also a request. */
export function containerResources(container: Container): ContainerResources {
  const { limits, requests } = container.resources ?? {}
  const cpuLimitMillis = cpuMillis(limits?.cpu)
  const memoryLimitBytes = memoryBytes(limits?.memory)
  return {
    cpuRequestMillis: cpuMillis(requests?.cpu ?? limits?.cpu),
    ...(cpuLimitMillis > 0 && { cpuLimitMillis }),
    ...(memoryLimitBytes > 0 && { memoryLimitBytes }),
  }
}

/**
 * Of all containers that run at the same time. A limit holds for the pod only when each of them has one.
 * @see Source: kubelet cm ResourceConfigForPod.
 */
export function podResources(pod: Pod): PodResources {
  const sidecars = (pod.spec.initContainers ?? []).filter(isSidecar)
  const parts = [...sidecars, ...pod.spec.containers].map(containerResources)
  const sum = (amounts: readonly (number | undefined)[]): number => amounts.reduce<number>((total, amount) => total + (amount ?? 0), 0)
  const cpuLimits = parts.map(({ cpuLimitMillis }) => cpuLimitMillis)
  const memoryLimits = parts.map(({ memoryLimitBytes }) => memoryLimitBytes)
  return {
    qosClass: qosClass(pod),
    cpuRequestMillis: sum(parts.map(({ cpuRequestMillis }) => cpuRequestMillis)),
    ...(!cpuLimits.includes(undefined) && { cpuLimitMillis: sum(cpuLimits) }),
    ...(!memoryLimits.includes(undefined) && { memoryLimitBytes: sum(memoryLimits) }),
  }
}
