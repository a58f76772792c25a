import type { Condition } from '../conditions.ts'
import type { LabelSelector } from '../labels.ts'
import type { KubeObject, Timestamp } from '../object.ts'
import type { IntOrString } from './workload.ts'

// Source: Kubernetes 1.36 API, policy/v1.

export interface PodDisruptionBudget extends KubeObject {
  spec: {
    minAvailable?: IntOrString
    maxUnavailable?: IntOrString
    /** Absent selects nothing, empty selects every pod of the namespace. */
    selector?: LabelSelector
    unhealthyPodEvictionPolicy?: 'IfHealthyBudget' | 'AlwaysAllow'
  }
  status?: DisruptionStatus
}

export interface DisruptionStatus {
  observedGeneration?: number
  disruptionsAllowed: number
  currentHealthy: number
  desiredHealthy: number
  expectedPods: number
  /** Pods whose eviction was granted and is not seen yet, and when it was granted. */
  disruptedPods?: Record<string, Timestamp>
  conditions?: DisruptionCondition[]
}

export interface DisruptionCondition extends Condition {
  observedGeneration?: number
}
