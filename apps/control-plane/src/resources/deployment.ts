import type { Deployment } from '@bramble/api/types/workload'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, nameColumn, templateColumns } from './columns.ts'

export const deployments: ResourceDefinition<Deployment> = {
  group: 'apps', version: 'v1', kind: 'Deployment', plural: 'deployments', shortNames: ['deploy'], categories: ['all'],
  scope: 'Namespaced', durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.apps.v1.Deployment' },
  columns: [
    nameColumn,
    { name: 'Ready', type: 'string', value: ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}` },
    { name: 'Up-to-date', type: 'string', value: ({ status }) => status?.updatedReplicas ?? 0 },
    { name: 'Available', type: 'string', value: ({ status }) => status?.availableReplicas ?? 0 },
    ageColumn,
    ...templateColumns<Deployment>(),
  ],
  subresources: { status: true, scale: { specReplicas: '.spec.replicas', statusReplicas: '.status.replicas', labelSelector: '.spec.selector' } },
}
