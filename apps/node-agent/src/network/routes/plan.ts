import type { Node } from '@bramble/api/types/node'

/** Routes of this node to the pods of the others, and two of its own. Marked in the kernel by a protocol number of their own. */
export interface Route {
  readonly destination: string
  /** Arguments of `ip route` after the destination, without protocol and metric. */
  readonly how: readonly string[]
}

/** Ours in `ip route` listings; free in /etc/iproute2/rt_protos. */
export const ROUTE_PROTOCOL = '84'

/**
 * Pure. Each other node's block goes via its address (host-gw: one LAN). What is left of this node's own block, i.e. addresses
 * that no pod has, is unreachable instead of going out by the default route. Cluster IPs get a route so that the host can use
 * them without a default route; the packets are redirected before they leave.
 */
export function planRoutes(nodes: readonly Node[], self: string, serviceNetwork: string, uplink: string | undefined): readonly Route[] {
  const routes: Route[] = []
  for (const node of nodes) {
    const block = node.spec?.podCIDR
    if (!block) continue
    if (node.metadata.name === self) {
      routes.push({ destination: `unreachable ${block}`, how: [] })
      continue
    }
    const address = node.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address
    if (address) routes.push({ destination: block, how: ['via', address] })
  }
  if (uplink) routes.push({ destination: serviceNetwork, how: ['dev', uplink, 'scope', 'link'] })
  return routes.sort((a, b) => (a.destination < b.destination ? -1 : 1))
}

/**
 * Lines for `ip -force -batch -` from what is there to what shall be. Pure.
 * @param present Destinations of our protocol that the kernel has, in the notation of {@link Route}.
 */
export function routeBatch(present: readonly string[], wanted: readonly Route[]): readonly string[] {
  const kept = new Set(wanted.map(({ destination }) => destination))
  return [
    ...present.filter((destination) => !kept.has(destination)).map((destination) => `route del ${destination} proto ${ROUTE_PROTOCOL}`),
    ...wanted.map(({ destination, how }) => `route replace ${[destination, ...how].join(' ')} proto ${ROUTE_PROTOCOL} metric ${METRIC}`),
  ]
}

/** Behind the kernel's own routes. */
const METRIC = 1024
