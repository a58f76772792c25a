import { createHash } from 'node:crypto'
import type { NewObject } from '@bramble/api/object'
import { controllerReference } from '@bramble/api/owner'
import { type Endpoint, type EndpointSlice, type Service, SERVICE_NAME_LABEL } from '@bramble/api/types/service'
import { isIpv6, type Member } from './members.ts'

export const MANAGED_BY_LABEL = 'endpointslice.kubernetes.io/managed-by'
export const MANAGER = 'endpointslice-controller.k8s.io'
const HEADLESS_LABEL = 'service.kubernetes.io/headless'
const ENDPOINTS_MAX = 100

export interface SlicePlan {
  readonly create: readonly NewObject<EndpointSlice>[]
  readonly update: readonly EndpointSlice[]
  readonly remove: readonly EndpointSlice[]
}

/**
 * The fewest writes after which the slices list exactly the members: a member stays in the slice that has it, a new one
 * goes where there is room, and slices that fell empty are used again before new ones are made.
 *
 * There is always one slice, if an empty one. Names depend on the Service and the slices that are there, so a repeated
 * creation collides instead of doubling.
 *
 * @param existing Slices of this Service that this controller made.
 */
export function planSlices(service: Service, members: readonly Member[], existing: readonly EndpointSlice[]): SlicePlan {
  const wrongFamily = existing.filter((slice) => slice.addressType !== addressType(service))
  const usable = existing.filter((slice) => !wrongFamily.includes(slice)).sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  const { kept, homeless } = keepInPlace(members, usable)
  const spare = usable.filter((slice) => !kept.has(slice))
  const names = new Set(existing.map((slice) => slice.metadata.name))

  const create: NewObject<EndpointSlice>[] = []
  const filled = new Map<EndpointSlice, readonly Member[]>(kept)
  const place = (chunk: readonly Member[]): void => {
    const slice = spare.shift()
    if (slice) filled.set(slice, chunk)
    else create.push(newSlice(service, chunk, freeName(service, names)))
  }
  for (const chunk of homeless) place(chunk)
  if (filled.size === 0 && create.length === 0) place([])

  const update = [...filled].map(([slice, chunk]) => withMembers(service, slice, chunk)).filter((slice) => slice !== undefined)
  return { create, update, remove: [...wrongFamily, ...spare] }
}

/** Which slices keep members, after room in them was given to new ones; and the rest in chunks of one slice each. */
function keepInPlace(members: readonly Member[], usable: readonly EndpointSlice[]) {
  const kept = new Map<EndpointSlice, Member[]>()
  const homeless: Member[][] = []
  for (const group of Map.groupBy(members, portsKey).values()) {
    const waiting = new Map(group.map((member) => [`${member.target.uid} ${member.ip}`, member]))
    const slices = usable.filter((slice) => !kept.has(slice) && slicePortsKey(slice) === portsKey(group[0]!))
    for (const slice of slices) {
      const stay: Member[] = []
      for (const endpoint of slice.endpoints ?? []) {
        const id = `${endpoint.targetRef?.uid} ${endpoint.addresses[0]}`
        const member = waiting.get(id)
        if (member && waiting.delete(id)) stay.push(member)
      }
      if (stay.length > 0) kept.set(slice, stay)
    }
    const rest = [...waiting.values()]
    for (const slice of slices) kept.get(slice)?.push(...rest.splice(0, ENDPOINTS_MAX - kept.get(slice)!.length))
    while (rest.length > 0) homeless.push(rest.splice(0, ENDPOINTS_MAX))
  }
  return { kept, homeless }
}

const portsKey = ({ ports }: Member): string =>
  JSON.stringify(ports.map(({ name, protocol, port, appProtocol = '' }) => [name, protocol, port, appProtocol]))
const slicePortsKey = ({ ports }: EndpointSlice): string =>
  JSON.stringify((ports ?? []).map(({ name = '', protocol = 'TCP', port, appProtocol = '' }) => [name, protocol, port, appProtocol]))

function newSlice(service: Service, chunk: readonly Member[], name: string): NewObject<EndpointSlice> {
  return {
    metadata: {
      name,
      namespace: service.metadata.namespace!,
      labels: labelsOf(service),
      ownerReferences: [controllerReference('v1', 'Service', service)],
    },
    addressType: addressType(service),
    ...contents(chunk),
  }
}

/** @returns undefined when the slice says this already. */
function withMembers(service: Service, slice: EndpointSlice, chunk: readonly Member[]): EndpointSlice | undefined {
  const labels = labelsOf(service)
  const next = contents(chunk)
  const ports = chunk.length === 0 ? slice.ports : next.ports // an empty slice may as well keep its ports
  const isSame =
    fingerprint(next.endpoints) === fingerprint(slice.endpoints ?? []) &&
    JSON.stringify(sorted(labels)) === JSON.stringify(sorted(slice.metadata.labels ?? {})) &&
    slicePortsKey({ ...slice, ...(ports && { ports }) }) === slicePortsKey(slice)
  return isSame ? undefined : { ...slice, metadata: { ...slice.metadata, labels }, endpoints: next.endpoints, ...(ports && { ports }) }
}

const contents = (chunk: readonly Member[]): { endpoints: Endpoint[]; ports: NonNullable<EndpointSlice['ports']> } => ({
  endpoints: chunk.map(endpointOf),
  ports: (chunk[0]?.ports ?? []).map((port) => ({ ...port })),
})

const endpointOf = ({ ip, ready, serving, terminating, hostname, nodeName, target }: Member): Endpoint => ({
  addresses: [ip],
  conditions: { ready, serving, terminating },
  ...(hostname && { hostname }),
  ...(nodeName && { nodeName }),
  targetRef: { ...target },
})

/** Order says nothing. */
const fingerprint = (endpoints: readonly Endpoint[]): string =>
  JSON.stringify(
    endpoints
      .map(({ addresses, conditions, hostname = '', nodeName = '', targetRef }) =>
        JSON.stringify([
          addresses,
          conditions?.ready,
          conditions?.serving,
          conditions?.terminating,
          hostname,
          nodeName,
          targetRef?.namespace,
          targetRef?.name,
          targetRef?.uid,
        ]),
      )
      .sort(),
  )

const sorted = (labels: Readonly<Record<string, string>>): readonly (readonly [string, string])[] =>
  Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))

/** A Service's labels are its slices' as well, so that people find them. */
const labelsOf = (service: Service): Record<string, string> => ({
  ...service.metadata.labels,
  ...(service.spec.clusterIP === 'None' && { [HEADLESS_LABEL]: '' }),
  [SERVICE_NAME_LABEL]: service.metadata.name,
  [MANAGED_BY_LABEL]: MANAGER,
})

const addressType = (service: Service): EndpointSlice['addressType'] => (isIpv6(service) ? 'IPv6' : 'IPv4')

const NAME_MAX = 253
function freeName(service: Service, taken: Set<string>): string {
  for (let index = 0; ; index++) {
    const hash = createHash('sha256').update(`${service.metadata.uid}/${index}`).digest('hex').slice(0, 8)
    const name = `${service.metadata.name.slice(0, NAME_MAX - 1 - hash.length)}-${hash}`
    if (taken.has(name)) continue
    taken.add(name)
    return name
  }
}
