import type { DeviceClass } from '@bramble/api/types/devices'
import type { ResourceDefinition } from '../../api/resource.ts'
import { ageColumn, nameColumn } from '../columns.ts'
import { check, qualifiedName } from '../rules.ts'
import { NOT_ALLOCATED, validateOpaque, validateSelectors } from './validate-claim-spec.ts'

export const deviceClasses: ResourceDefinition<DeviceClass> = {
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'DeviceClass',
  plural: 'deviceclasses',
  scope: 'Cluster',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.resource.v1.DeviceClass' },
  columns: [nameColumn, ageColumn],
  validate: ({ spec: { selectors, config = [], extendedResourceName } }) => [
    ...validateSelectors(selectors, 'spec.selectors'),
    ...config.flatMap(({ opaque }, index) => validateOpaque(opaque, `spec.config[${index}].opaque`)),
    ...(extendedResourceName === undefined ? [] : check('spec.extendedResourceName', extendedResourceName, qualifiedName)),
  ],
  warnings: (_class, previous) => (previous ? [] : [NOT_ALLOCATED]),
}
