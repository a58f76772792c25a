import type { NewObject } from '@bramble/api/object'
import { keyOf } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import { SERVICE_NAME_LABEL } from '@bramble/api/types/service'
import type { Endpoints, EndpointSlice, Service } from '@bramble/api/types/service'
import type { ApiClient } from '../../api/client.ts'
import { endpointSlices } from '../endpoint-slice.ts'
import { endpoints } from '../endpoints.ts'
import { reachableAddress } from '../ip-address.ts'
import { services } from '../service.ts'
import { ensureAsWanted } from './ensure.ts'
import type { StandardSettings } from './standard-settings.ts'

/** The Service `kubernetes` and what it leads to. */
export async function ensureApiService(client: ApiClient, settings: StandardSettings): Promise<void> {
  await replaceMovedService(client, settings)
  await ensureAsWanted(client, services, apiService(settings))
  await ensureAsWanted(client, endpointSlices, apiEndpointSlice(settings))
  await ensureAsWanted(client, endpoints, apiEndpoints(settings))
}

const PORT_NAME = 'https'
const API_SERVICE = { name: 'kubernetes', namespace: 'default' } as const

/** How pods reach the API. Source: Kubernetes pkg/controlplane/controller/kubernetesservice. */
const apiService = ({ apiServiceIp, apiPort }: StandardSettings): NewObject<Service> => ({
  metadata: { ...API_SERVICE, labels: { component: 'apiserver', provider: 'kubernetes' } },
  spec: {
    type: 'ClusterIP',
    clusterIP: apiServiceIp,
    clusterIPs: [apiServiceIp],
    sessionAffinity: 'None',
    ports: [{ name: PORT_NAME, protocol: 'TCP', port: 443, targetPort: apiPort }],
  },
})

const apiEndpointSlice = (settings: StandardSettings): NewObject<EndpointSlice> => ({
  metadata: { ...API_SERVICE, labels: { [SERVICE_NAME_LABEL]: API_SERVICE.name } },
  addressType: 'IPv4',
  endpoints: isReachable(settings) ? [{ addresses: [settings.advertiseAddress], conditions: { ready: true } }] : [],
  ports: [{ name: PORT_NAME, protocol: 'TCP', port: settings.apiPort }],
})

const apiEndpoints = (settings: StandardSettings): NewObject<Endpoints> => ({
  metadata: { ...API_SERVICE, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
  subsets: isReachable(settings)
    ? [{ addresses: [{ ip: settings.advertiseAddress }], ports: [{ name: PORT_NAME, protocol: 'TCP', port: settings.apiPort }] }]
    : [],
})

const isReachable = ({ advertiseAddress }: StandardSettings): boolean => reachableAddress(advertiseAddress).length === 0

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
