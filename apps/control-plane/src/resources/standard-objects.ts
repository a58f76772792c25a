import type { KubeObject, NewObject } from '@bramble/api/object'
import { keyOf } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import type { Namespace } from '@bramble/api/types/core'
import { SERVICE_NAME_LABEL } from '@bramble/api/types/service'
import type { Endpoints, EndpointSlice, Service } from '@bramble/api/types/service'
import type { ApiClient } from '../api/client.ts'
import type { ResourceDefinition } from '../api/resource.ts'
import { differences } from './differences.ts'
import { endpointSlices } from './endpoint-slice.ts'
import { endpoints } from './endpoints.ts'
import { reachableAddress } from './ip-address.ts'
import { namespaces } from './namespace.ts'
import { services } from './service.ts'

export interface StandardSettings {
  /** The first address of the service network: pods reach the API there. */
  readonly apiServiceIp: string
  /** IPv4 address at which nodes and pods reach this control plane. With a loopback address the Service has no endpoint. */
  readonly advertiseAddress: string
  readonly apiPort: number
}

/** Namespaces that every cluster has. */
export const STANDARD_NAMESPACES: readonly string[] = ['default', 'kube-system', 'kube-public', 'kube-node-lease']

export const standardNamespaces = (): readonly NewObject<Namespace>[] => STANDARD_NAMESPACES.map((name) => ({ metadata: { name } }))

const PORT_NAME = 'https'
const API_SERVICE = { name: 'kubernetes', namespace: 'default' } as const

/** How pods reach the API. Source: Kubernetes pkg/controlplane/controller/kubernetesservice. */
export const apiService = ({ apiServiceIp, apiPort }: StandardSettings): NewObject<Service> => ({
  metadata: { ...API_SERVICE, labels: { component: 'apiserver', provider: 'kubernetes' } },
  spec: {
    type: 'ClusterIP',
    clusterIP: apiServiceIp,
    clusterIPs: [apiServiceIp],
    sessionAffinity: 'None',
    ports: [{ name: PORT_NAME, protocol: 'TCP', port: 443, targetPort: apiPort }],
  },
})

export const apiEndpointSlice = (settings: StandardSettings): NewObject<EndpointSlice> => ({
  metadata: { ...API_SERVICE, labels: { [SERVICE_NAME_LABEL]: API_SERVICE.name } },
  addressType: 'IPv4',
  endpoints: isReachable(settings) ? [{ addresses: [settings.advertiseAddress], conditions: { ready: true } }] : [],
  ports: [{ name: PORT_NAME, protocol: 'TCP', port: settings.apiPort }],
})

export const apiEndpoints = (settings: StandardSettings): NewObject<Endpoints> => ({
  metadata: { ...API_SERVICE, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
  subsets: isReachable(settings)
    ? [{ addresses: [{ ip: settings.advertiseAddress }], ports: [{ name: PORT_NAME, protocol: 'TCP', port: settings.apiPort }] }]
    : [],
})

const isReachable = ({ advertiseAddress }: StandardSettings): boolean => reachableAddress(advertiseAddress).length === 0

/**
 * Makes the objects that every cluster has, and brings those of an earlier start up to date. Safe to repeat.
 *
 * @throws StatusError when the API refuses, e.g. because the service network was changed to one without the address that
 * the Service `kubernetes` has.
 */
export async function ensureStandardObjects(client: ApiClient, settings: StandardSettings): Promise<void> {
  for (const namespace of standardNamespaces()) await ensure(client, namespaces, namespace)
  await replaceMovedService(client, settings)
  await ensure(client, services, apiService(settings))
  await ensure(client, endpointSlices, apiEndpointSlice(settings))
  await ensure(client, endpoints, apiEndpoints(settings))
}

/** Creates the object, or changes what differs from `wanted`; what `wanted` does not speak of stays as it is. */
async function ensure<T extends KubeObject>(client: ApiClient, resource: ResourceDefinition<T>, wanted: NewObject<T>): Promise<void> {
  const key = keyOf(wanted as unknown as T)
  const current = client.get(resource, key)
  if (current !== undefined) {
    if (!contains(current, wanted)) await client.patch(resource, key, wanted)
    return
  }
  try {
    await client.create(resource, wanted)
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error // another control plane of this cluster was faster
  }
}

/** A cluster IP cannot change: with another service network the Service is made anew. */
async function replaceMovedService(client: ApiClient, { apiServiceIp }: StandardSettings): Promise<void> {
  const current = client.get(services, keyOf({ metadata: API_SERVICE }))
  if (!current || current.spec.clusterIP === apiServiceIp) return
  try {
    await client.delete(services, keyOf(current), { uid: current.metadata.uid })
  } catch (error) {
    if (!isReason(error, 'NotFound', 'Conflict')) throw error // another control plane did the same
  }
}

/** Whether all that `part` says holds for `whole`; lists must be equal but for fields that defaults added. */
function contains(whole: unknown, part: unknown): boolean {
  if (Array.isArray(part)) {
    if (!Array.isArray(whole)) return part.length === 0
    return whole.length === part.length && part.every((one, index) => contains(whole[index], one))
  }
  if (typeof part !== 'object' || part === null) return differences(whole, part, '').length === 0
  return Object.entries(part).every(([key, value]) => contains((whole as Record<string, unknown> | undefined)?.[key], value))
}
