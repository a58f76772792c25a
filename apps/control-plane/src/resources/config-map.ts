import type { ConfigMap } from '@bramble/api/types/core'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, nameColumn } from './columns.ts'

export const configMaps: ResourceDefinition<ConfigMap> = {
  group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', shortNames: ['cm'],
  scope: 'Namespaced', durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.core.v1.ConfigMap' },
  columns: [
    nameColumn,
    { name: 'Data', type: 'string', value: ({ data = {}, binaryData = {} }) => Object.keys(data).length + Object.keys(binaryData).length },
    ageColumn,
  ],
}
