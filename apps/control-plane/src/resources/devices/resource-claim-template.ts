import type { ResourceClaimTemplate } from '@bramble/api/types/devices'
import type { ResourceDefinition } from '../../api/resource.ts'
import { validateLabels } from '../../api/metadata.ts'
import { ageColumn, nameColumn } from '../columns.ts'
import { immutable } from '../workload.ts'
import { applyClaimDefaults, NOT_ALLOCATED, validateClaimSpec } from './validate-claim-spec.ts'

export const resourceClaimTemplates: ResourceDefinition<ResourceClaimTemplate> = {
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceClaimTemplate',
  plural: 'resourceclaimtemplates',
  scope: 'Namespaced',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.resource.v1.ResourceClaimTemplate' },
  columns: [nameColumn, ageColumn],
  applyDefaults: ({ spec }) => {
    spec.spec ??= {}
    applyClaimDefaults(spec.spec)
  },
  validate: ({ spec }, previous) =>
    previous
      ? immutable('spec', spec, previous, previous.spec)
      : [...validateLabels(spec.metadata?.labels, 'spec.metadata.labels'), ...validateClaimSpec(spec.spec ?? {}, 'spec.spec')],
  warnings: (_template, previous) => (previous ? [] : [NOT_ALLOCATED]),
}
