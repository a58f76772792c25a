import { type FieldError, required } from '@bramble/api/field-error'
import { type ClusterRole, RBAC_GROUP } from '@bramble/api/types/rbac'
import type { ResourceDefinition } from '../api/resource.ts'
import { roleColumns } from './rbac/columns.ts'
import { validateRules } from './rbac/validate.ts'
import { validateSelector } from './selector.ts'

export const clusterRoles: ResourceDefinition<ClusterRole> = {
  group: RBAC_GROUP,
  version: 'v1',
  kind: 'ClusterRole',
  plural: 'clusterroles',
  scope: 'Cluster',
  durability: 'durable',
  allowsCreateOnUpdate: true,
  schema: { type: 'ref', ref: 'io.k8s.api.rbac.v1.ClusterRole' },
  columns: roleColumns,
  validate: ({ rules, aggregationRule }) => [...validateRules(rules, 'Cluster'), ...validateAggregation(aggregationRule)],
}

/** Source: Kubernetes pkg/apis/rbac/validation ValidateClusterRole. */
function validateAggregation(rule: ClusterRole['aggregationRule']): readonly FieldError[] {
  if (rule === undefined) return []
  const path = 'aggregationRule.clusterRoleSelectors'
  const { clusterRoleSelectors: selectors = [] } = rule
  if (selectors.length === 0) return [required(path, 'at least one clusterRoleSelector required if aggregationRule is non-nil')]
  return selectors.flatMap((selector, index) => validateSelector(selector, `${path}[${index}]`))
}
