import type { ResourceClaim } from '@bramble/api/types/devices'
import type { ResourceDefinition } from '../../api/resource.ts'
import { ageColumn, nameColumn } from '../columns.ts'
import { immutable } from '../workload.ts'
import { applyClaimDefaults, NOT_ALLOCATED, validateClaimSpec } from './validate-claim-spec.ts'

export const resourceClaims: ResourceDefinition<ResourceClaim> = {
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceClaim',
  plural: 'resourceclaims',
  scope: 'Namespaced',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.resource.v1.ResourceClaim' },
  columns: [nameColumn, { name: 'State', type: 'string', value: stateText }, ageColumn],
  subresources: { status: true },
  applyDefaults: (draft) => {
    applyClaimDefaults(draft.spec)
  },
  validate: ({ spec }, previous) => (previous ? immutable('spec', spec, previous, previous.spec) : validateClaimSpec(spec, 'spec')),
  warnings: (_claim, previous) => (previous ? [] : [NOT_ALLOCATED]),
}

function stateText({ metadata: { deletionTimestamp }, status = {} }: ResourceClaim): string {
  const states = deletionTimestamp ? ['deleted'] : []
  if (status.allocation) states.push('allocated', ...((status.reservedFor ?? []).length > 0 ? ['reserved'] : []))
  else if (!deletionTimestamp) states.push('pending')
  return states.join(',')
}
