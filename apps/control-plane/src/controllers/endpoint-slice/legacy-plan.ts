import type { NewObject } from '@bramble/api/object'
import type { EndpointAddress, Endpoints, Service } from '@bramble/api/types/service'
import type { Member } from './members.ts'

/** Says that this controller made the object, and so may remove it. */
export const ENDPOINTS_MANAGED_BY_LABEL = 'endpoints.kubernetes.io/managed-by'
export const ENDPOINTS_MANAGER = 'endpoint-controller'
const HEADLESS_LABEL = 'service.kubernetes.io/headless'
const OVER_CAPACITY_ANNOTATION = 'endpoints.kubernetes.io/over-capacity'
const ADDRESSES_MAX = 1000

/**
 * The core/v1 Endpoints of a Service, for clients that do not read slices. Leaving pods are no part of it; at most 1000
 * addresses, ready ones first, and an annotation says when some are missing.
 *
 * @see Source: kubernetes.io "Service", "Over-capacity endpoints".
 */
export function planEndpoints(service: Service, members: readonly Member[]): NewObject<Endpoints> {
  const staying = members.filter((member) => !member.terminating || member.ready)
  const shown = staying.toSorted((a, b) => Number(b.ready) - Number(a.ready)).slice(0, ADDRESSES_MAX)
  const groups = Map.groupBy(
    members.filter((member) => shown.includes(member)),
    (member) => JSON.stringify(member.ports),
  )
  const subsets = [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => subsetOf(group))
  const isHeadless = service.spec.clusterIP === 'None'
  return {
    metadata: {
      name: service.metadata.name,
      namespace: service.metadata.namespace!,
      labels: { ...service.metadata.labels, ...(isHeadless && { [HEADLESS_LABEL]: '' }), [ENDPOINTS_MANAGED_BY_LABEL]: ENDPOINTS_MANAGER },
      ...(shown.length < staying.length && { annotations: { [OVER_CAPACITY_ANNOTATION]: 'truncated' } }),
    },
    ...(subsets.length > 0 && { subsets }),
  }
}

/** Whether an object that is there says what is planned. Annotations of others do not matter. */
export const saysSame = (stored: Endpoints, planned: NewObject<Endpoints>): boolean =>
  canonical(stored.subsets ?? []) === canonical(planned.subsets ?? []) &&
  canonical(stored.metadata.labels ?? {}) === canonical(planned.metadata.labels ?? {}) &&
  stored.metadata.annotations?.[OVER_CAPACITY_ANNOTATION] === planned.metadata.annotations?.[OVER_CAPACITY_ANNOTATION]

/** The stored object with what is planned; the annotations of others stay. */
export function merged(stored: Endpoints, planned: NewObject<Endpoints>): Endpoints {
  const { [OVER_CAPACITY_ANNOTATION]: _, ...others } = stored.metadata.annotations ?? {}
  const { labels = {}, annotations } = planned.metadata
  return { ...stored, metadata: { ...stored.metadata, labels, annotations: { ...others, ...annotations } }, subsets: planned.subsets ?? [] }
}

function subsetOf(group: readonly Member[]): NonNullable<Endpoints['subsets']>[number] {
  const ready = group.filter((member) => member.ready).map(addressOf)
  const notReady = group.filter((member) => !member.ready).map(addressOf)
  const ports = group[0]!.ports.map(({ name, ...port }) => ({ ...(name !== '' && { name }), ...port }))
  return {
    ...(ready.length > 0 && { addresses: ready }),
    ...(notReady.length > 0 && { notReadyAddresses: notReady }),
    ...(ports.length > 0 && { ports }),
  }
}

const addressOf = ({ ip, hostname, nodeName, target }: Member): EndpointAddress => ({
  ip,
  ...(hostname && { hostname }),
  ...(nodeName && { nodeName }),
  targetRef: { ...target },
})

/** JSON with sorted fields. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
