import type { Condition } from '../conditions.ts'
import type { KubeObject } from '../object.ts'

// Source: Kubernetes 1.36 API, flowcontrol.apiserver.k8s.io/v1.

export interface FlowSchema extends KubeObject {
  spec: {
    priorityLevelConfiguration?: { name?: string }
    matchingPrecedence?: number
    distinguisherMethod?: { type?: string }
    rules?: FlowRules[]
  }
  status?: { conditions?: Condition[] }
}
export interface FlowRules {
  subjects?: FlowSubject[]
  resourceRules?: FlowResourceRule[]
  nonResourceRules?: { verbs?: string[]; nonResourceURLs?: string[] }[]
}
export interface FlowSubject {
  kind?: string
  user?: { name?: string }
  group?: { name?: string }
  serviceAccount?: { namespace?: string; name?: string }
}
export interface FlowResourceRule {
  verbs?: string[]
  apiGroups?: string[]
  resources?: string[]
  clusterScope?: boolean
  namespaces?: string[]
}

export interface PriorityLevelConfiguration extends KubeObject {
  spec: {
    type?: string
    limited?: LimitedPriorityLevel
    exempt?: { nominalConcurrencyShares?: number; lendablePercent?: number }
  }
  status?: { conditions?: Condition[] }
}
export interface LimitedPriorityLevel {
  nominalConcurrencyShares?: number
  lendablePercent?: number
  borrowingLimitPercent?: number
  limitResponse?: { type?: string; queuing?: { queues?: number; handSize?: number; queueLengthLimit?: number } }
}
