import type { EndpointSlice } from '@bramble/api/types/service'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, listWithMore, nameColumn } from './columns.ts'

export const endpointSlices: ResourceDefinition<EndpointSlice> = {
  group: 'discovery.k8s.io', version: 'v1', kind: 'EndpointSlice', plural: 'endpointslices',
  scope: 'Namespaced', durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.discovery.v1.EndpointSlice' },
  columns: [
    nameColumn,
    { name: 'AddressType', type: 'string', value: (slice) => slice.addressType },
    { name: 'Ports', type: 'string', value: (slice) => listWithMore((slice.ports ?? []).map(({ port, name }) => String(port ?? name ?? '*'))) || '<unset>' },
    { name: 'Endpoints', type: 'string', value: (slice) => listWithMore((slice.endpoints ?? []).flatMap(({ addresses }) => addresses)) || '<unset>' },
    ageColumn,
  ],
}
