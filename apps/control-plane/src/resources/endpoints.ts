import type { Endpoints } from '@bramble/api/types/service'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, listWithMore, nameColumn } from './columns.ts'

export const endpoints: ResourceDefinition<Endpoints> = {
  group: '', version: 'v1', kind: 'Endpoints', plural: 'endpoints', singular: 'endpoints', shortNames: ['ep'],
  scope: 'Namespaced', durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.core.v1.Endpoints' },
  columns: [nameColumn, { name: 'Endpoints', type: 'string', value: endpointsText }, ageColumn],
}

function endpointsText({ subsets = [] }: Endpoints): string {
  const each = subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0 ? addresses.map(({ ip }) => ip) : ports.flatMap(({ port }) => addresses.map(({ ip }) => hostPort(ip, port))))
  return each.length === 0 ? '<none>' : listWithMore(each)
}

const hostPort = (ip: string, port: number): string => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)
