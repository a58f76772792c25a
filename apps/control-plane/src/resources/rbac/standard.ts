import type { NewObject } from '@bramble/api/object'
import { mutableCopy } from '@bramble/api/object'
import type { ClusterRole, PolicyRule, RoleBinding, Subject } from '@bramble/api/types/rbac'
import { isSame } from '../differences.ts'
import { uncovered } from './covers.ts'

// How roles and bindings that every cluster has are brought up to date: what is missing is added, what an administrator added
// stays, and what is annotated as theirs is left alone.
// Source: Kubernetes documentation, "Using RBAC Authorization", Auto-reconciliation; component-helpers auth/rbac/reconciliation.

const AUTO_UPDATE = 'rbac.authorization.kubernetes.io/autoupdate'

export const standardMetadata = (name: string, labels: Readonly<Record<string, string>> = {}): { name: string } => {
  const metadata = {
    name,
    labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults', ...labels },
    annotations: { [AUTO_UPDATE]: 'true' },
  }
  return metadata
}

/** What the role is to become; undefined when it may stay as it is. */
export function reconciledRole(wanted: NewObject<ClusterRole>, current: ClusterRole): ClusterRole | undefined {
  if (isProtected(current)) return undefined
  const next = withMetadata(wanted, current)
  if (wanted.aggregationRule) {
    const present = current.aggregationRule?.clusterRoleSelectors ?? []
    const missing = (wanted.aggregationRule.clusterRoleSelectors ?? []).filter((one) => !present.some((other) => isSame(one, other)))
    next.aggregationRule = { clusterRoleSelectors: [...present, ...missing] }
  } else {
    const present = current.rules ?? []
    const missing = (wanted.rules ?? []).filter((rule: PolicyRule) => uncovered(present, [rule]).length > 0)
    next.rules = [...present, ...missing]
  }
  return isSame(next, current) ? undefined : next
}

/** What the binding is to become; `another` when it binds to a role that it must not, and has to be made anew. */
export function reconciledBinding(wanted: NewObject<RoleBinding>, current: RoleBinding): RoleBinding | 'another' | undefined {
  if (isProtected(current)) return undefined
  if (!isSame(wanted.roleRef, current.roleRef)) return 'another'
  const next = withMetadata(wanted, current)
  const present = current.subjects ?? []
  const missing = (wanted.subjects ?? []).filter((one: Subject) => !present.some((other) => isSame(one, other)))
  next.subjects = [...present, ...missing]
  return isSame(next, current) ? undefined : next
}

const isProtected = ({ metadata }: ClusterRole | RoleBinding): boolean => metadata.annotations?.[AUTO_UPDATE] === 'false'

/** A copy that may be changed; labels and annotations that are there win. */
function withMetadata<T extends ClusterRole | RoleBinding>(wanted: NewObject<T>, current: T): T {
  const copy = mutableCopy(current)
  copy.metadata.labels = { ...wanted.metadata.labels, ...copy.metadata.labels }
  copy.metadata.annotations = { ...wanted.metadata.annotations, ...copy.metadata.annotations }
  return copy
}
