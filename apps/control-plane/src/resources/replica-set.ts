import type { ReplicaSet } from '@bramble/api/types/workload'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, nameColumn, replicaColumns, templateColumns } from './columns.ts'
import { applyTemplateDefaults } from './pod-spec/defaults.ts'
import { notNegativeFields, scaledWorkload, templateWarnings, validateWorkload } from './workload.ts'

export const replicaSets: ResourceDefinition<ReplicaSet> = {
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  shortNames: ['rs'],
  categories: ['all'],
  scope: 'Namespaced',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.apps.v1.ReplicaSet' },
  columns: [nameColumn, ...replicaColumns, ageColumn, ...templateColumns<ReplicaSet>()],
  subresources: scaledWorkload,
  fields: ({ status }) => ({ 'status.replicas': String(status?.replicas ?? 0) }),
  applyDefaults: ({ spec }) => {
    applyTemplateDefaults(spec)
    spec.replicas ??= 1
  },
  validate: (replicaSet, previous) => [
    ...notNegativeFields(replicaSet.spec, 'replicas', 'minReadySeconds'),
    ...validateWorkload('ReplicaSet', replicaSet, previous, 'deployment'),
  ],
  warnings: templateWarnings,
}
