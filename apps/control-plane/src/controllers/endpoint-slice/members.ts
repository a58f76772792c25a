import { isPodReady, isTerminal, type Pod } from '@bramble/api/types/pod'
import type { ObjectReference, Service } from '@bramble/api/types/service'
import { type ResolvedPort, resolvePorts } from './ports.ts'

/** A pod behind a Service. */
export interface Member {
  readonly ip: string
  readonly ports: readonly ResolvedPort[]
  readonly ready: boolean
  readonly serving: boolean
  readonly terminating: boolean
  readonly hostname: string | undefined
  readonly nodeName: string | undefined
  readonly target: ObjectReference & { readonly uid: string }
}

/**
 * The pods that a Service with a selector leads to, in an order that depends on them alone. Those that ended or have no
 * address of the Service's family are none.
 *
 * @see Source: KEP-1672, terminating endpoints: a leaving pod may serve until it is gone, but is not ready.
 */
export function membersOf(service: Service, pods: readonly Pod[]): readonly Member[] {
  const members = pods.filter((pod) => isSelected(service, pod) && !isTerminal(pod)).map((pod) => memberOf(service, pod))
  return members.filter((member) => member !== undefined).sort((a, b) => compare(a.ip, b.ip) || compare(a.target.uid, b.target.uid))
}

export const hasSelector = ({ spec }: Service): boolean =>
  spec.type !== 'ExternalName' && spec.selector !== undefined && Object.keys(spec.selector).length > 0

export const isSelected = ({ spec, metadata }: Service, pod: Pod): boolean =>
  pod.metadata.namespace === metadata.namespace &&
  Object.entries(spec.selector ?? {}).every(([key, value]) => pod.metadata.labels?.[key] === value)

/** The family of a Service's cluster IP; endpoints of the other one are left out. */
export const isIpv6 = ({ spec }: Service): boolean =>
  spec.clusterIP && spec.clusterIP !== 'None' ? spec.clusterIP.includes(':') : spec.ipFamilies?.[0] === 'IPv6'

function memberOf(service: Service, pod: Pod): Member | undefined {
  const {
    metadata: { namespace, name, uid, deletionTimestamp },
    spec,
    status,
  } = pod
  const addresses = [status?.podIP, ...(status?.podIPs ?? []).map((each) => each.ip)]
  const ip = addresses.find((each) => each?.includes(':') === isIpv6(service))
  if (!ip) return undefined
  const serving = isPodReady(pod)
  const terminating = deletionTimestamp !== undefined
  return {
    ip,
    serving,
    terminating,
    ready: service.spec.publishNotReadyAddresses === true || (serving && !terminating),
    ports: resolvePorts(service, pod),
    hostname: spec.hostname && spec.subdomain === service.metadata.name ? spec.hostname : undefined,
    nodeName: spec.nodeName,
    target: { kind: 'Pod', namespace: namespace!, name, uid },
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
