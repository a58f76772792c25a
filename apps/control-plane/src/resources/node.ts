import { conditionOf } from '@bramble/api/conditions'
import type { Node, NodeAddress } from '@bramble/api/types/node'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, nameColumn } from './columns.ts'

export const nodes: ResourceDefinition<Node> = {
  group: '', version: 'v1', kind: 'Node', plural: 'nodes', shortNames: ['no'],
  scope: 'Cluster', durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.core.v1.Node' },
  columns: [
    nameColumn,
    { name: 'Status', type: 'string', value: statusText },
    { name: 'Roles', type: 'string', value: rolesText },
    ageColumn,
    { name: 'Version', type: 'string', value: (node) => node.status?.nodeInfo?.kubeletVersion ?? '' },
    { name: 'Internal-IP', type: 'string', priority: 1, value: (node) => address(node, 'InternalIP') },
    { name: 'External-IP', type: 'string', priority: 1, value: (node) => address(node, 'ExternalIP') },
    { name: 'OS-Image', type: 'string', priority: 1, value: (node) => node.status?.nodeInfo?.osImage || '<unknown>' },
    { name: 'Kernel-Version', type: 'string', priority: 1, value: (node) => node.status?.nodeInfo?.kernelVersion || '<unknown>' },
    { name: 'Container-Runtime', type: 'string', priority: 1, value: (node) => node.status?.nodeInfo?.containerRuntimeVersion || '<unknown>' },
  ],
  subresources: { status: true },
  fields: (node) => ({ 'spec.unschedulable': String(node.spec.unschedulable ?? false) }),
}

function statusText(node: Node): string {
  const ready = conditionOf(node.status?.conditions, 'Ready')
  const text = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'
  return node.spec.unschedulable ? `${text},SchedulingDisabled` : text
}

const ROLE_PREFIX = 'node-role.kubernetes.io/'

function rolesText(node: Node): string {
  const roles = new Set<string>()
  for (const [key, value] of Object.entries(node.metadata.labels ?? {})) {
    if (key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length) roles.add(key.slice(ROLE_PREFIX.length))
    if (key === 'kubernetes.io/role' && value !== '') roles.add(value)
  }
  return roles.size === 0 ? '<none>' : [...roles].sort().join(',')
}

const address = (node: Node, type: NodeAddress['type']): string =>
  node.status?.addresses?.find((one) => one.type === type)?.address ?? '<none>'
