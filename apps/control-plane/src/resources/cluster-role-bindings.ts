import { RBAC_GROUP, type RoleBinding } from '@bramble/api/types/rbac'
import type { ResourceDefinition } from '../api/resource.ts'
import { bindingColumns } from './rbac/columns.ts'
import { applyBindingDefaults, validateBinding } from './rbac/validate.ts'

export const clusterRoleBindings: ResourceDefinition<RoleBinding> = {
  group: RBAC_GROUP,
  version: 'v1',
  kind: 'ClusterRoleBinding',
  plural: 'clusterrolebindings',
  scope: 'Cluster',
  durability: 'durable',
  allowsCreateOnUpdate: true,
  schema: { type: 'ref', ref: 'io.k8s.api.rbac.v1.ClusterRoleBinding' },
  columns: bindingColumns,
  applyDefaults: applyBindingDefaults,
  validate: (binding, previous) => validateBinding(binding, previous, 'Cluster', ['ClusterRole']),
}
