import { quantityText } from '@bramble/api/quantity-text'
import type { PersistentVolumeClaim } from '@bramble/api/types/volume'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, nameColumn } from './columns.ts'
import { fractionWarnings } from './pod-spec/warnings.ts'
import { applyClaimDefaults, joinDataSources } from './volume-claim-spec/defaults.ts'
import { validateClaim, validateClaimUpdate } from './volume-claim-spec/validate.ts'
import { accessModesText, classOf, oldClassWarnings, phaseText } from './volume-claim-spec/volume-rules.ts'

export const persistentVolumeClaims: ResourceDefinition<PersistentVolumeClaim> = {
  group: '',
  version: 'v1',
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  shortNames: ['pvc'],
  scope: 'Namespaced',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.core.v1.PersistentVolumeClaim' },
  columns: [
    nameColumn,
    { name: 'Status', type: 'string', value: phaseText },
    { name: 'Volume', type: 'string', value: ({ spec }) => spec.volumeName ?? '' },
    {
      name: 'Capacity',
      type: 'string',
      value: ({ spec, status }) => (spec.volumeName ? quantityText(status?.capacity?.['storage']) : ''),
    },
    { name: 'Access Modes', type: 'string', value: ({ spec, status }) => (spec.volumeName ? accessModesText(status?.accessModes) : '') },
    { name: 'StorageClass', type: 'string', value: classOf },
    { name: 'VolumeAttributesClass', type: 'string', value: ({ spec }) => spec.volumeAttributesClassName ?? '<unset>' },
    ageColumn,
    { name: 'VolumeMode', type: 'string', priority: 1, value: ({ spec }) => spec.volumeMode ?? '<unset>' },
  ],
  subresources: { status: true },
  prepare: ({ spec }) => joinDataSources(spec),
  applyDefaults: applyClaimDefaults,
  validate: (claim, previous) => [...validateClaim(claim.spec), ...(previous ? validateClaimUpdate(claim, previous) : [])],
  warnings: (claim) => [
    ...oldClassWarnings(claim),
    ...fractionWarnings(claim.spec.resources?.requests, 'spec.resources.requests', ['storage']),
  ],
}
