import type { Secret } from '@bramble/api/types/core'
import type { ResourceDefinition } from '../api/resource.ts'
import { ageColumn, nameColumn } from './columns.ts'

export const secrets: ResourceDefinition<Secret> = {
  group: '', version: 'v1', kind: 'Secret', plural: 'secrets',
  scope: 'Namespaced', durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.core.v1.Secret' },
  columns: [
    nameColumn,
    { name: 'Type', type: 'string', value: (secret) => secret.type ?? '' },
    { name: 'Data', type: 'string', value: ({ data = {} }) => Object.keys(data).length },
    ageColumn,
  ],
  fields: (secret) => ({ type: secret.type ?? '' }),
}
