import { required } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { EndpointAddress, Endpoints } from '@bramble/api/types/service'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, listWithMore, nameColumn } from './columns.ts'
import { validateEndpointPorts } from './endpoint-ports.ts'
import { reachableAddress } from './ip-address.ts'
import { check, dnsLabel, dnsSubdomain } from './rules.ts'

export const endpoints: ResourceDefinition<Endpoints> = {
  group: '',
  version: 'v1',
  kind: 'Endpoints',
  plural: 'endpoints',
  singular: 'endpoints',
  shortNames: ['ep'],
  scope: 'Namespaced',
  durability: 'durable',
  deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  allowsCreateOnUpdate: true,
  schema: { type: 'ref', ref: 'io.k8s.api.core.v1.Endpoints' },
  columns: [nameColumn, { name: 'Endpoints', type: 'string', value: endpointsText }, ageColumn],
  applyDefaults: ({ subsets = [] }) => {
    for (const { ports = [] } of subsets) for (const port of ports) port.protocol ||= 'TCP'
  },
  validate: ({ subsets = [] }) => subsets.flatMap(validateSubset),
}

type Subset = NonNullable<Endpoints['subsets']>[number]

/** Source: Kubernetes pkg/apis/core/validation validateEndpointSubsets. */
function validateSubset({ addresses = [], notReadyAddresses = [], ports = [] }: Subset, index: number): readonly FieldError[] {
  const path = `subsets[${index}]`
  return [
    ...(addresses.length + notReadyAddresses.length === 0 ? [required(path, 'must specify `addresses` or `notReadyAddresses`')] : []),
    ...validateAddresses(addresses, `${path}.addresses`),
    ...validateAddresses(notReadyAddresses, `${path}.notReadyAddresses`),
    ...validateEndpointPorts(ports, `${path}.ports`, { isNumbered: true, isNamed: ports.length > 1 }),
  ]
}

const validateAddresses = (addresses: readonly EndpointAddress[], path: string): readonly FieldError[] =>
  addresses.flatMap(({ ip, hostname, nodeName }, index) => [
    ...check(`${path}[${index}].ip`, ip ?? '', reachableAddress),
    ...(hostname ? check(`${path}[${index}].hostname`, hostname, dnsLabel) : []),
    ...(nodeName === undefined ? [] : check(`${path}[${index}].nodeName`, nodeName, dnsSubdomain)),
  ])

function endpointsText({ subsets = [] }: Endpoints): string {
  const each = subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0 ? addresses.map(({ ip = '' }) => ip) : ports.flatMap(({ port }) => addresses.map(({ ip }) => hostPort(ip, port))),
  )
  return each.length === 0 ? '<none>' : listWithMore(each)
}

const hostPort = (ip = '', port = 0): string => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)
