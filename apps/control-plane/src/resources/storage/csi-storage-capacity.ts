import { invalidValue } from '@bramble/api/field-error'
import { quantityValue } from '@bramble/api/quantity'
import type { CsiStorageCapacity } from '@bramble/api/types/storage'
import type { ResourceDefinition } from '../../api/resource.ts'
import { createdAtColumn, nameColumn } from '../columns.ts'
import { check, dnsSubdomain } from '../rules.ts'
import { validateSelector } from '../selector.ts'
import { immutable } from '../workload.ts'

export const csiStorageCapacities: ResourceDefinition<CsiStorageCapacity> = {
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIStorageCapacity',
  plural: 'csistoragecapacities',
  scope: 'Namespaced',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.storage.v1.CSIStorageCapacity' },
  columns: [nameColumn, createdAtColumn],
  // Source: Kubernetes pkg/apis/storage/validation ValidateCSIStorageCapacity.
  validate: ({ nodeTopology, storageClassName = '', capacity }, previous) =>
    previous
      ? [
          ...immutable('nodeTopology', nodeTopology, previous, previous.nodeTopology),
          ...immutable('storageClassName', storageClassName, previous, previous.storageClassName ?? ''),
        ]
      : [
          ...validateSelector(nodeTopology, 'nodeTopology'),
          ...check('storageClassName', storageClassName, dnsSubdomain),
          ...(capacity !== undefined && quantityValue(capacity)! < 0
            ? [invalidValue('capacity', String(capacity), 'must be greater than or equal to 0')]
            : []),
        ],
}
