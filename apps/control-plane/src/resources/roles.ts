import { RBAC_GROUP, type Role } from '@bramble/api/types/rbac'
import type { ResourceDefinition } from '../api/resource.ts'
import { roleColumns } from './rbac/columns.ts'
import { validateRules } from './rbac/validate.ts'

export const roles: ResourceDefinition<Role> = {
  group: RBAC_GROUP,
  version: 'v1',
  kind: 'Role',
  plural: 'roles',
  scope: 'Namespaced',
  durability: 'durable',
  allowsCreateOnUpdate: true,
  schema: { type: 'ref', ref: 'io.k8s.api.rbac.v1.Role' },
  columns: roleColumns,
  validate: ({ rules }) => validateRules(rules, 'Namespaced'),
}
