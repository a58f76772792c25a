import type { Service } from '@bramble/api/types/service'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, labelsText, nameColumn } from './columns.ts'
import { applyServiceDefaults } from './service-spec/defaults.ts'
import { keepAllocated } from './service-spec/keep-allocated.ts'
import { validateService } from './service-spec/validate.ts'
import { serviceWarnings } from './service-spec/warnings.ts'

export const services: ResourceDefinition<Service> = {
  group: '',
  version: 'v1',
  kind: 'Service',
  plural: 'services',
  shortNames: ['svc'],
  categories: ['all'],
  scope: 'Namespaced',
  durability: 'durable',
  allowsCreateOnUpdate: true,
  schema: { type: 'ref', ref: 'io.k8s.api.core.v1.Service' },
  columns: [
    nameColumn,
    { name: 'Type', type: 'string', value: (service) => service.spec.type ?? '' },
    { name: 'Cluster-IP', type: 'string', value: (service) => service.spec.clusterIPs?.[0] || '<none>' },
    { name: 'External-IP', type: 'string', value: externalText },
    { name: 'Port(s)', type: 'string', value: portsText },
    ageColumn,
    { name: 'Selector', type: 'string', priority: 1, value: (service) => labelsText(service.spec.selector) },
  ],
  subresources: {
    status: true,
    named: [{ name: 'proxy', kind: 'ServiceProxyOptions', verbs: ['create', 'delete', 'get', 'patch', 'update'] }],
  },
  fields: (service) => ({ 'spec.clusterIP': service.spec.clusterIP ?? '', 'spec.type': service.spec.type ?? '' }),
  prepare: (draft, previous) => {
    if (previous) keepAllocated(draft, previous)
  },
  applyDefaults: applyServiceDefaults,
  validate: validateService,
  warnings: serviceWarnings,
}

function externalText({ spec, status }: Service): string {
  if (spec.type === 'ExternalName') return spec.externalName ?? ''
  const addresses = [...(spec.externalIPs ?? [])]
  if (spec.type === 'LoadBalancer') {
    const ingress = (status?.loadBalancer as { ingress?: { ip?: string; hostname?: string }[] } | undefined)?.ingress ?? []
    addresses.unshift(...ingress.map(({ ip, hostname }) => ip || hostname || '').filter((one) => one !== ''))
  }
  if (addresses.length > 0) return addresses.join(',')
  return spec.type === 'LoadBalancer' ? '<pending>' : '<none>'
}

function portsText({ spec }: Service): string {
  const ports = (spec.ports ?? []).map(({ port, nodePort, protocol }) => `${nodePort ? `${port}:${nodePort}` : port}/${protocol}`)
  return ports.length === 0 ? '<none>' : ports.join(',')
}
