import type { Service, ServicePort, ServiceSpec } from '@bramble/api/types/service'
import { isSame } from '../differences.ts'
import { hasNodePorts } from './defaults.ts'

/**
 * An update that does not speak of addresses keeps those that were allocated; one that changes the type drops those
 * that the new type cannot have. In place.
 * @see Source: Kubernetes pkg/registry/core/service patchAllocatedValues, dropTypeDependentFields, NormalizeClusterIPs.
 */
export function keepAllocated({ spec }: Service, { spec: before }: Service): void {
  spec.type ||= 'ClusterIP'
  normalizeClusterIps(spec, before)
  if (hasClusterIp(spec) && hasClusterIp(before)) {
    spec.clusterIP ||= before.clusterIP
    if (!spec.clusterIPs?.length && spec.clusterIP === before.clusterIP && before.clusterIPs) spec.clusterIPs = [...before.clusterIPs]
  }
  if (hasClusterIp(before) && !hasClusterIp(spec)) dropClusterIp(spec, before)
  if (hasNodePorts(spec) && hasNodePorts(before)) keepNodePorts(spec.ports ?? [], before.ports ?? [])
  if (hasNodePorts(before) && !hasNodePorts(spec)) dropNodePorts(spec, before)
}

const hasClusterIp = ({ type }: ServiceSpec): boolean => type !== 'ExternalName'

/** `clusterIP` is the first of `clusterIPs`; clients change one of them. */
function normalizeClusterIps(spec: ServiceSpec, before: ServiceSpec): void {
  if (spec.clusterIP === before.clusterIP || !isSame(spec.clusterIPs, before.clusterIPs)) return
  if (spec.clusterIP) spec.clusterIPs = [spec.clusterIP]
  else delete spec.clusterIPs
}

function dropClusterIp(spec: ServiceSpec, before: ServiceSpec): void {
  if (spec.clusterIP === before.clusterIP) delete spec.clusterIP
  if (isSame(spec.clusterIPs, before.clusterIPs)) delete spec.clusterIPs
  if (isSame(spec.ipFamilies, before.ipFamilies)) delete spec.ipFamilies
  if (spec.ipFamilyPolicy === before.ipFamilyPolicy) delete spec.ipFamilyPolicy
  if (spec.internalTrafficPolicy === before.internalTrafficPolicy) delete spec.internalTrafficPolicy
}

function keepNodePorts(ports: readonly ServicePort[], before: readonly ServicePort[]): void {
  const claimed = new Set(ports.map(({ nodePort, protocol }) => `${protocol ?? 'TCP'} ${nodePort}`))
  for (const port of ports) {
    if (port.nodePort) continue
    const old = before.find(
      (one) => (port.name ?? '') === (one.name ?? '') && port.port === one.port && (port.protocol ?? 'TCP') === one.protocol,
    )
    if (old?.nodePort && !claimed.has(`${old.protocol} ${old.nodePort}`)) port.nodePort = old.nodePort
  }
}

function dropNodePorts(spec: ServiceSpec, before: ServiceSpec): void {
  const numbers = (ports: readonly ServicePort[] | undefined): readonly number[] => (ports ?? []).map(({ nodePort }) => nodePort ?? 0)
  if (isSame(numbers(spec.ports), numbers(before.ports))) for (const port of spec.ports ?? []) delete port.nodePort
  if (spec.externalTrafficPolicy === before.externalTrafficPolicy) delete spec.externalTrafficPolicy
  delete (spec as { allocateLoadBalancerNodePorts?: boolean }).allocateLoadBalancerNodePorts
}
