import { isIPv6 } from 'node:net'
import { required, tooMany } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { Endpoint, EndpointSlice } from '@bramble/api/types/service'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, listWithMore, nameColumn } from './columns.ts'
import { validateEndpointPorts } from './endpoint-ports.ts'
import { ipv4Number, reachableAddress } from './ip-address.ts'
import { check, dnsLabel, dnsSubdomain, oneOf } from './rules.ts'
import type { Rule } from './rules.ts'
import { immutable } from './workload.ts'

export const endpointSlices: ResourceDefinition<EndpointSlice> = {
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  scope: 'Namespaced',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.discovery.v1.EndpointSlice' },
  columns: [
    nameColumn,
    { name: 'AddressType', type: 'string', value: (slice) => slice.addressType },
    {
      name: 'Ports',
      type: 'string',
      value: (slice) => listWithMore((slice.ports ?? []).map(({ port, name }) => String(port ?? name ?? '*'))) || '<unset>',
    },
    {
      name: 'Endpoints',
      type: 'string',
      value: (slice) => listWithMore((slice.endpoints ?? []).flatMap(({ addresses = [] }) => addresses)) || '<unset>',
    },
    ageColumn,
  ],
  applyDefaults: (draft) => {
    draft.endpoints ??= []
    for (const port of draft.ports ?? []) {
      port.name ??= ''
      port.protocol ||= 'TCP'
    }
  },
  validate: (slice, previous) => [
    ...oneOf('addressType', slice.addressType, ['FQDN', 'IPv4', 'IPv6']),
    ...(slice.endpoints.length > ENDPOINTS_MAX ? [tooMany('endpoints', slice.endpoints.length, ENDPOINTS_MAX)] : []),
    ...slice.endpoints.flatMap((endpoint, index) => validateEndpoint(endpoint, slice.addressType, `endpoints[${index}]`)),
    ...((slice.ports ?? []).length > PORTS_MAX ? [tooMany('ports', slice.ports!.length, PORTS_MAX)] : []),
    ...validateEndpointPorts(slice.ports ?? [], 'ports', { isNumbered: false, isNamed: false }),
    ...immutable('addressType', slice.addressType, previous, previous?.addressType),
  ],
}

// Source: Kubernetes pkg/apis/discovery/validation.
const ENDPOINTS_MAX = 1000
const PORTS_MAX = 20_000
const ADDRESSES_MAX = 100

function validateEndpoint(
  { addresses = [], hostname, nodeName }: Endpoint,
  type: EndpointSlice['addressType'],
  path: string,
): readonly FieldError[] {
  const rule = type === 'IPv4' ? ipv4Reachable : type === 'IPv6' ? ipv6Reachable : dnsSubdomain
  return [
    ...(addresses.length === 0 ? [required(`${path}.addresses`, 'must contain at least 1 address')] : []),
    ...(addresses.length > ADDRESSES_MAX ? [tooMany(`${path}.addresses`, addresses.length, ADDRESSES_MAX)] : []),
    ...addresses.flatMap((address, index) => check(`${path}.addresses[${index}]`, address, rule)),
    ...(hostname === undefined ? [] : check(`${path}.hostname`, hostname, dnsLabel)),
    ...(nodeName === undefined ? [] : check(`${path}.nodeName`, nodeName, dnsSubdomain)),
  ]
}

const ipv4Reachable: Rule<string> = (value) =>
  ipv4Number(value) === undefined ? ['must be a valid IPv4 address'] : reachableAddress(value)
const ipv6Reachable: Rule<string> = (value) => (isIPv6(value) ? reachableAddress(value) : ['must be a valid IPv6 address'])
