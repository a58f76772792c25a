import type { Lease } from '@bramble/api/types/core'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, nameColumn } from './columns.ts'

export const leases: ResourceDefinition<Lease> = {
  group: 'coordination.k8s.io', version: 'v1', kind: 'Lease', plural: 'leases',
  scope: 'Namespaced', durability: 'volatile',
  schema: { type: 'ref', ref: 'io.k8s.api.coordination.v1.Lease' },
  columns: [nameColumn, { name: 'Holder', type: 'string', value: (lease) => lease.spec?.holderIdentity ?? '' }, ageColumn],
}
