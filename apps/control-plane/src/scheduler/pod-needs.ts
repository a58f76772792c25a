import type { ObjectKey } from '@bramble/api/object'
import { controllerOf } from '@bramble/api/owner'
import { quantityValue } from '@bramble/api/quantity'
import type { Container, Pod, ResourceList } from '@bramble/api/types/pod'
import { claimsOf, type VolumeNeeds } from './volumes/volume-needs.ts'

/** Amounts by resource name: cpu in thousandths of a core, everything else in its own unit (bytes, pieces). */
export type Amounts = ReadonlyMap<string, number>

export interface HostPort {
  readonly ip: string
  readonly protocol: string
  readonly port: number
}

/** What a pod asks of a node, worked out once. */
export interface PodNeeds {
  readonly pod: Pod
  readonly requests: Amounts
  readonly hostPorts: readonly HostPort[]
  readonly ownerUid: string | undefined
  /** The claims that it mounts. */
  readonly claims: readonly ObjectKey[]
  /** What these mean for where it can go; only while a node is being looked for. */
  readonly volumes?: VolumeNeeds
}

export const needsOf = (pod: Pod): PodNeeds => ({
  pod,
  requests: podRequests(pod),
  hostPorts: hostPortsOf(pod),
  ownerUid: controllerOf(pod)?.uid,
  claims: claimsOf(pod),
})

/** Resources as numbers; what is no quantity counts as 0. */
export function amounts(list: ResourceList | undefined): Map<string, number> {
  const found = new Map<string, number>()
  for (const [name, quantity] of Object.entries(list ?? {})) {
    const value = quantityValue(quantity) ?? 0
    found.set(name, Math.ceil(Number((name === 'cpu' ? value * 1000 : value).toPrecision(15))))
  }
  return found
}

/**
 * What the scheduler sets aside: the containers together, or the most that any moment of the start needs; what the pod asks for as a
 * whole comes first; plus overhead.
 * @see Source: kubernetes.io "Sidecar Containers", "Resource sharing within containers"; component-helpers resource PodRequests.
 */
function podRequests({ spec }: Pod): Amounts {
  const total = new Map<string, number>()
  for (const container of spec.containers) add(total, requestsOf(container))
  const sidecars = new Map<string, number>()
  const start = new Map<string, number>()
  for (const container of spec.initContainers ?? []) {
    const moment = new Map(sidecars)
    add(moment, requestsOf(container))
    atLeast(start, moment)
    if (container.restartPolicy === 'Always') add(sidecars, requestsOf(container))
  }
  add(total, sidecars)
  atLeast(total, start)
  const whole = amounts({ ...spec.resources?.limits, ...spec.resources?.requests })
  for (const [name, amount] of whole) total.set(name, amount)
  add(total, amounts(spec.overhead))
  return total
}

const requestsOf = (container: Container): Amounts => amounts({ ...container.resources?.limits, ...container.resources?.requests })

function add(to: Map<string, number>, more: Amounts): void {
  for (const [name, amount] of more) to.set(name, (to.get(name) ?? 0) + amount)
}
function atLeast(to: Map<string, number>, least: Amounts): void {
  for (const [name, amount] of least) to.set(name, Math.max(to.get(name) ?? 0, amount))
}

const hostPortsOf = ({ spec }: Pod): readonly HostPort[] =>
  [...spec.containers, ...(spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always')]
    .flatMap((container) => container.ports ?? [])
    .filter((port) => port.hostPort)
    .map((port) => ({ ip: port.hostIP || '0.0.0.0', protocol: port.protocol ?? 'TCP', port: port.hostPort! }))
