import type { DaemonSet } from '@bramble/api/types/workload'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, labelsText, nameColumn, templateColumns } from './columns.ts'

export const daemonSets: ResourceDefinition<DaemonSet> = {
  group: 'apps', version: 'v1', kind: 'DaemonSet', plural: 'daemonsets', shortNames: ['ds'], categories: ['all'],
  scope: 'Namespaced', durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.apps.v1.DaemonSet' },
  columns: [
    nameColumn,
    { name: 'Desired', type: 'integer', value: ({ status }) => status?.desiredNumberScheduled ?? 0 },
    { name: 'Current', type: 'integer', value: ({ status }) => status?.currentNumberScheduled ?? 0 },
    { name: 'Ready', type: 'integer', value: ({ status }) => status?.numberReady ?? 0 },
    { name: 'Up-to-date', type: 'integer', value: ({ status }) => status?.updatedNumberScheduled ?? 0 },
    { name: 'Available', type: 'integer', value: ({ status }) => status?.numberAvailable ?? 0 },
    { name: 'Node Selector', type: 'string', value: ({ spec }) => labelsText(spec.template.spec.nodeSelector) },
    ageColumn,
    ...templateColumns<DaemonSet>(),
  ],
  subresources: { status: true },
}
