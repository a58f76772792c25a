import { keyOf } from '@bramble/api/object'
import { type EndpointSlice, SERVICE_NAME_LABEL, type Service } from '@bramble/api/types/service'

/** How this node shall route Services. Built by the pure function in this file from Services, EndpointSlices and Nodes. */
export interface ServiceTable {
  /** All pods of the cluster, e.g. 10.42.0.0/16: traffic inside it is never masqueraded. */
  readonly podNetwork: string
  /** All cluster IPs, e.g. 10.43.0.0/16. */
  readonly serviceNetwork: string
  /** Sorted by id. */
  readonly forwards: readonly ServiceForward[]
}

export interface ServiceForward {
  /** `namespace/service:port`, the port's name or number. */
  readonly id: string
  readonly protocol: 'TCP' | 'UDP'
  readonly clusterIp: string
  readonly port: number
  readonly nodePort?: number
  /** ClientIP affinity, seconds. */
  readonly affinitySeconds?: number
  readonly externalLocal: boolean
  readonly internalLocal: boolean
  /** Sorted by ip, then port. Empty: REJECT. */
  readonly backends: readonly Backend[]
}

export interface Backend {
  readonly ip: string
  readonly port: number
  /** On this node. */
  readonly local: boolean
}

/** What the table is built from: this node's assignment. */
export interface ServiceTableInput {
  readonly nodeName: string
  readonly podNetwork: string
  readonly serviceNetwork: string
  readonly services: readonly Service[]
  readonly slices: readonly EndpointSlice[]
}

const AFFINITY_SECONDS = 10_800

/**
 * Pure and total. Services without an IPv4 cluster IP (headless, ExternalName) are left out; endpoints count while they
 * are ready, and, when none is, while they still serve in their termination (KEP-1669).
 */
export function serviceTable({ nodeName, podNetwork, serviceNetwork, services, slices }: ServiceTableInput): ServiceTable {
  const slicesOf = Map.groupBy(slices, (slice) => `${slice.metadata.namespace}/${slice.metadata.labels?.[SERVICE_NAME_LABEL]}`)
  const forwards = services.flatMap((service) => forwardsOf(service, slicesOf.get(keyOf(service)) ?? NONE, nodeName))
  return { podNetwork, serviceNetwork, forwards: forwards.sort((a, b) => compare(a.id, b.id)) }
}

interface Built {
  readonly nodeName: string
  readonly slices: readonly EndpointSlice[]
  readonly forwards: readonly ServiceForward[]
}
const NONE: readonly EndpointSlice[] = []
/** Objects never change, a change brings others: what they led to is built once, and the same forwards come again. */
const built = new WeakMap<Service, Built>()

function forwardsOf(service: Service, slices: readonly EndpointSlice[], nodeName: string): readonly ServiceForward[] {
  const known = built.get(service)
  if (
    known?.nodeName === nodeName &&
    known.slices.length === slices.length &&
    known.slices.every((slice, index) => slice === slices[index])
  )
    return known.forwards
  const forwards = buildForwards(service, slices, nodeName)
  built.set(service, { nodeName, slices, forwards })
  return forwards
}

function buildForwards(service: Service, slices: readonly EndpointSlice[], nodeName: string): readonly ServiceForward[] {
  const clusterIp = service.spec.clusterIP
  if (!clusterIp || !isIPv4(clusterIp) || service.spec.type === 'ExternalName') return []
  const own = slices.filter((slice) => slice.addressType === 'IPv4')
  return (service.spec.ports ?? [])
    .filter(({ protocol = 'TCP' }) => protocol !== 'SCTP')
    .map(
      (port): ServiceForward => ({
        id: `${keyOf(service)}:${port.name ?? port.port}`,
        protocol: port.protocol === 'UDP' ? 'UDP' : 'TCP',
        clusterIp,
        port: port.port,
        ...(port.nodePort && { nodePort: port.nodePort }),
        ...(service.spec.sessionAffinity === 'ClientIP' && {
          affinitySeconds: service.spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? AFFINITY_SECONDS,
        }),
        externalLocal: service.spec.externalTrafficPolicy === 'Local',
        internalLocal: service.spec.internalTrafficPolicy === 'Local',
        backends: backends(own, port.name ?? '', port.protocol ?? 'TCP', nodeName),
      }),
    )
}

function backends(slices: readonly EndpointSlice[], portName: string, protocol: string, nodeName: string): readonly Backend[] {
  const ready = new Map<string, Backend>()
  const serving = new Map<string, Backend>()
  for (const slice of slices) {
    const port = slice.ports?.find((one) => (one.name ?? '') === portName && (one.protocol ?? 'TCP') === protocol)?.port
    if (port === undefined) continue
    for (const { addresses, conditions, nodeName: on } of slice.endpoints ?? []) {
      const ip = addresses[0]
      if (ip === undefined || !isIPv4(ip)) continue
      const backend = { ip, port, local: on === nodeName }
      if (conditions?.ready !== false) ready.set(`${ip}:${port}`, backend)
      else if (conditions.serving && conditions.terminating) serving.set(`${ip}:${port}`, backend)
    }
  }
  return [...(ready.size > 0 ? ready : serving).values()].sort((a, b) => compare(a.ip, b.ip) || a.port - b.port)
}

const isIPv4 = (text: string): boolean => /^\d{1,3}(\.\d{1,3}){3}$/.test(text)
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
