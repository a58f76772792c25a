import { cpuMillis, memoryBytes, quantityValue } from '@bramble/api/quantity'
import type { Container, Pod, ResourceRequirements } from '@bramble/api/types/pod'
import type { ContainerResources, PodResources } from '../runtime/runtime.ts'
import { isSidecar } from './restart-policy.ts'

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort'

/** @see Source: Kubernetes "Pod Quality of Service Classes". */
export function qosClass(pod: Pod): QosClass {
  const own = pod.spec.resources && Object.keys({ ...pod.spec.resources.requests, ...pod.spec.resources.limits }).length > 0
  const containers = own ? [pod.spec] : [...(pod.spec.initContainers ?? []), ...pod.spec.containers]
  const amounts = (container: Pick<Container, 'resources'>, kind: 'limits' | 'requests'): readonly number[] =>
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

/** Limits that the kernel enforces, and the requested share of CPU: a limit alone is also a request. */
export function containerResources(container: Pick<Container, 'resources'>): ContainerResources {
  const { limits, requests } = container.resources ?? {}
  const cpuLimitMillis = cpuMillis(limits?.cpu)
  const memoryLimitBytes = memoryBytes(limits?.memory)
  return {
    cpuRequestMillis: cpuMillis(requests?.cpu ?? limits?.cpu),
    ...(cpuLimitMillis > 0 && { cpuLimitMillis }),
    ...(memoryLimitBytes > 0 && { memoryLimitBytes }),
  }
}

/** Containers that run at the same time: what they use adds up. Their resources can change while the pod runs. */
export const runningTogether = ({ spec }: Pod): readonly Container[] => [
  ...(spec.initContainers ?? []).filter(isSidecar),
  ...spec.containers,
]

/**
 * Of all containers that run at the same time. A limit holds for the pod only when each of them has one, or when the pod has its own.
 * @param has What a container has; default: what it shall have.
 * @see Source: kubelet cm ResourceConfigForPod.
 */
export function podResources(pod: Pod, has: (container: Container) => ContainerResources = containerResources): PodResources {
  const parts = runningTogether(pod).map(has)
  const own = containerResources(pod.spec)
  const hasOwn = (name: 'cpu' | 'memory'): boolean =>
    (pod.spec.resources?.requests?.[name] ?? pod.spec.resources?.limits?.[name]) !== undefined
  const cpuLimitMillis = own.cpuLimitMillis ?? total(parts.map((part) => part.cpuLimitMillis))
  const memoryLimitBytes = own.memoryLimitBytes ?? total(parts.map((part) => part.memoryLimitBytes))
  return {
    qosClass: qosClass(pod),
    cpuRequestMillis: hasOwn('cpu') ? own.cpuRequestMillis! : sum(parts.map(({ cpuRequestMillis }) => cpuRequestMillis)),
    ...(cpuLimitMillis !== undefined && { cpuLimitMillis }),
    ...(memoryLimitBytes !== undefined && { memoryLimitBytes }),
  }
}

export interface Amounts {
  readonly cpuMillis: number
  readonly memoryBytes: number
}

/**
 * What a pod takes of its node: its containers together, or the init container that asks for most beside the sidecars before it.
 * @see Source: component-helpers resource PodRequests.
 */
export function podRequests(pod: Pod): Amounts {
  const { spec } = pod
  const requested = ({ resources }: { readonly resources?: ResourceRequirements }, name: 'cpu' | 'memory'): string | number | undefined =>
    resources?.requests?.[name] ?? resources?.limits?.[name]
  const most = (name: 'cpu' | 'memory', amountOf: (quantity: string | number | undefined) => number): number => {
    const own = requested(spec, name)
    if (own !== undefined) return amountOf(own) + amountOf(spec.overhead?.[name])
    let sidecars = 0
    let peak = 0
    for (const init of spec.initContainers ?? []) {
      const amount = amountOf(requested(init, name))
      peak = Math.max(peak, sidecars + amount)
      if (isSidecar(init)) sidecars += amount
    }
    const together = sidecars + sum(spec.containers.map((container) => amountOf(requested(container, name))))
    return Math.max(peak, together) + amountOf(spec.overhead?.[name])
  }
  return { cpuMillis: most('cpu', cpuMillis), memoryBytes: most('memory', memoryBytes) }
}

const sum = (amounts: readonly (number | undefined)[]): number => amounts.reduce<number>((all, amount) => all + (amount ?? 0), 0)

/** undefined when one of them is not limited. */
const total = (amounts: readonly (number | undefined)[]): number | undefined => (amounts.includes(undefined) ? undefined : sum(amounts))
