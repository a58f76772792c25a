import type { VolumeAttributesClass } from '@bramble/api/types/storage'
import type { ResourceDefinition } from '../../api/resource.ts'
import { ageColumn, nameColumn } from '../columns.ts'
import { provisionerName, unchangeable, validateParameters } from './parameters.ts'

export const volumeAttributesClasses: ResourceDefinition<VolumeAttributesClass> = {
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'VolumeAttributesClass',
  plural: 'volumeattributesclasses',
  shortNames: ['vac'],
  scope: 'Cluster',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.storage.v1.VolumeAttributesClass' },
  columns: [nameColumn, { name: 'DriverName', type: 'string', value: ({ driverName }) => driverName ?? '' }, ageColumn],
  // Source: Kubernetes pkg/apis/storage/validation ValidateVolumeAttributesClass.
  validate: ({ driverName, parameters }, previous) => [
    ...(previous
      ? [...unchangeable('driverName', driverName, previous.driverName), ...unchangeable('parameters', parameters, previous.parameters)]
      : []),
    ...provisionerName('driverName', driverName),
    ...validateParameters(parameters, false),
  ],
}
