import type { LabelSelector } from '../labels.ts'
import type { KubeObject } from '../object.ts'

export const RBAC_GROUP = 'rbac.authorization.k8s.io'

/** A right to resources, or one to paths. `*` stands for everything. Source: rbac/v1 PolicyRule. */
export interface PolicyRule {
  verbs: string[]
  apiGroups?: string[]
  /** `pods`, `pods/log`, `*` or `*` before a slash and a subresource. */
  resources?: string[]
  /** Absent or empty: any name. */
  resourceNames?: string[]
  /** A trailing `*` stands for any rest. */
  nonResourceURLs?: string[]
}

/** Source: rbac/v1 RoleRef. */
export interface RoleRef {
  apiGroup: string
  kind: string
  name: string
}

/** Whom a binding speaks of. Source: rbac/v1 Subject. */
export interface Subject {
  kind: string
  apiGroup?: string
  name: string
  /** Of a ServiceAccount; in a RoleBinding that of the binding when it is absent. */
  namespace?: string
}

export interface Role extends KubeObject {
  rules?: PolicyRule[]
}

export interface ClusterRole extends Role {
  /** Then the rules are those of the roles that any of the selectors finds. */
  aggregationRule?: { clusterRoleSelectors?: LabelSelector[] }
}

/** Also of kind ClusterRoleBinding: then without a namespace. */
export interface RoleBinding extends KubeObject {
  subjects?: Subject[]
  roleRef: RoleRef
}
