import { invalidValue } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { ServicePort, ServiceSpec } from '@bramble/api/types/service'
import { ipv4Number, ipv4Text } from '../../resources/ip-address.ts'
import { addressRange, apiServiceIp, dnsServiceIp, networkText } from './ranges.ts'
import type { ServiceRanges } from './ranges.ts'

/** What all other Services have, stored or about to be. */
export interface Taken {
  readonly clusterIps: ReadonlySet<string>
  readonly nodePorts: ReadonlySet<number>
}

export type AddressPlan =
  | {
      readonly type: 'allocated'
      readonly clusterIp: string | undefined /** By index of port. */
      readonly nodePorts: readonly (number | undefined)[]
    }
  | { readonly type: 'refused'; readonly errors: readonly FieldError[] }
  | { readonly type: 'full'; readonly what: string }

export interface AddressQuestion {
  readonly spec: ServiceSpec
  /** The Service as it is, if it is: what it has already is not asked about again. */
  readonly before: ServiceSpec | undefined
  readonly taken: Taken
  readonly ranges: ServiceRanges
  /** Only the Service `default/kubernetes` gets the first address. */
  readonly isApiService: boolean
  readonly random: () => number
}

/**
 * The cluster IP and node ports that a Service shall have: those it asks for if they are free, others for the rest.
 * Pure but for `random`. Source: Kubernetes pkg/registry/core/service/storage alloc.go.
 */
export function planAddresses(question: AddressQuestion): AddressPlan {
  const ip = planClusterIp(question)
  const ports = planNodePorts(question)
  const errors = [...(ip.errors ?? []), ...(ports.errors ?? [])]
  if (errors.length > 0) return { type: 'refused', errors }
  if (ip.isFull) return { type: 'full', what: 'failed to allocate a serviceIP: range is full' }
  if (ports.isFull) return { type: 'full', what: 'failed to allocate a nodePort: range is full' }
  return { type: 'allocated', clusterIp: ip.value, nodePorts: ports.value ?? [] }
}

interface Part<Value> {
  readonly value?: Value
  readonly errors?: readonly FieldError[]
  readonly isFull?: boolean
}

function planClusterIp({ spec, before, taken, ranges, isApiService, random }: AddressQuestion): Part<string> {
  if (spec.type === 'ExternalName') return {}
  const asked = spec.clusterIP
  if (asked === 'None' || (asked && asked === before?.clusterIP)) return { value: asked }
  const [first, last] = addressRange(ranges.network)
  if (asked) {
    const fault = askedIpFault(asked)
    return fault ? { errors: [invalidValue('spec.clusterIPs', [asked], `failed to allocate IP ${asked}: ${fault}`)] } : { value: asked }
  }
  const reserved = new Set([apiServiceIp(ranges), dnsServiceIp(ranges)])
  const isTaken = (address: number): boolean => taken.clusterIps.has(ipv4Text(address)) || reserved.has(ipv4Text(address))
  const free = pick(first, last, lowBand(last - first + 1, 16, 256), isTaken, random)
  return free === undefined ? { isFull: true } : { value: ipv4Text(free) }

  function askedIpFault(ip: string): string | undefined {
    const address = ipv4Number(ip) ?? -1
    if (address < first || address > last)
      return `the provided IP (${ip}) is not in the valid range. The range of valid IPs is ${networkText(ranges.network)}`
    return taken.clusterIps.has(ip) || (ip === apiServiceIp(ranges) && !isApiService) ? 'provided IP is already allocated' : undefined
  }
}

function planNodePorts({ spec, before, taken, ranges, random }: AddressQuestion): Part<readonly (number | undefined)[]> {
  const { allocateLoadBalancerNodePorts = true } = spec as { allocateLoadBalancerNodePorts?: boolean }
  const ports = spec.ports ?? []
  if (spec.type !== 'NodePort' && spec.type !== 'LoadBalancer') return {}
  const had = new Set((before?.ports ?? []).map(({ nodePort }) => nodePort))
  const errors = ports.flatMap(({ nodePort }, index) =>
    nodePort && !had.has(nodePort) ? askedPortErrors(nodePort, `spec.ports[${index}].nodePort`) : [],
  )
  if (errors.length > 0) return { errors }

  const own = new Set(ports.map(({ nodePort }) => nodePort))
  const value: (number | undefined)[] = []
  for (const [index, port] of ports.entries()) {
    if (port.nodePort || (spec.type === 'LoadBalancer' && !allocateLoadBalancerNodePorts)) {
      value.push(port.nodePort || undefined)
      continue
    }
    const { firstNodePort, lastNodePort } = ranges
    const free =
      twinPort(ports, value, index) ??
      pick(
        firstNodePort,
        lastNodePort,
        lowBand(lastNodePort - firstNodePort + 1, 32, 128),
        (one) => taken.nodePorts.has(one) || own.has(one),
        random,
      )
    if (free === undefined) return { isFull: true }
    own.add(free)
    value.push(free)
  }
  return { value }

  function askedPortErrors(port: number, path: string): readonly FieldError[] {
    if (port < ranges.firstNodePort || port > ranges.lastNodePort)
      return [
        invalidValue(
          path,
          port,
          `provided port is not in the valid range. The range of valid ports is ${ranges.firstNodePort}-${ranges.lastNodePort}`,
        ),
      ]
    return taken.nodePorts.has(port) ? [invalidValue(path, port, 'provided port is already allocated')] : []
  }
}

/** One port number over TCP and UDP gets one node port, as DNS servers need it. */
function twinPort(ports: readonly ServicePort[], planned: readonly (number | undefined)[], index: number): number | undefined {
  const { port, protocol } = ports[index]!
  const numbers = ports.map(({ nodePort }, at) => planned[at] ?? nodePort)
  const twin = numbers.find((_, at) => at !== index && ports[at]!.port === port && ports[at]!.protocol !== protocol && numbers[at])
  return twin && ports.every((one, at) => numbers[at] !== twin || one.protocol !== protocol) ? twin : undefined
}

/**
 * How much of the low end of a range is left to people who ask for something certain.
 * @see Source: KEP-3070, KEP-3668.
 */
const lowBand = (size: number, share: number, most: number): number => {
  const band = Math.min(Math.max(16, Math.floor(size / share)), most)
  return band >= size ? 0 : band
}

/** A free number: anywhere above the low band, if there is one, else within it. */
function pick(first: number, last: number, band: number, isTaken: (value: number) => boolean, random: () => number): number | undefined {
  const split = first + band
  const count = last - split + 1
  const start = Math.floor(random() * count)
  for (let step = 0; step < count; step++) {
    const value = split + ((start + step) % count)
    if (!isTaken(value)) return value
  }
  for (let value = first; value < split; value++) if (!isTaken(value)) return value
  return undefined
}
