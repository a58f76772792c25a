import type { KubeObject } from '../object.ts'
import type { ResourceList } from './pod.ts'

// Source: Kubernetes 1.36 API, core/v1.

export interface ResourceQuota extends KubeObject {
  spec: {
    hard?: ResourceList
    scopes?: string[]
    scopeSelector?: { matchExpressions?: ScopeRequirement[] }
  }
  status?: { hard?: ResourceList; used?: ResourceList }
}

export interface ScopeRequirement {
  scopeName?: string
  operator?: string
  values?: string[]
}

export interface LimitRange extends KubeObject {
  spec: { limits?: LimitRangeItem[] }
}

export interface LimitRangeItem {
  /** `Container`, `Pod`, `PersistentVolumeClaim`, or a qualified name. */
  type?: string
  max?: ResourceList
  min?: ResourceList
  default?: ResourceList
  defaultRequest?: ResourceList
  maxLimitRequestRatio?: ResourceList
}
