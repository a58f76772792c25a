import type { Condition } from '../conditions.ts'
import type { LabelSelector } from '../labels.ts'
import type { KubeObject } from '../object.ts'
import type { IntOrString } from './workload.ts'

/** Nodes with this label, value `true`, get a new version before all others. */
export const CANARY_LABEL = 'bramble.dev/canary'

/** Brings the agents of nodes to a version, some at a time. Cluster-scoped, bramble.dev/v1. */
export interface AgentUpgrade extends KubeObject {
  spec: AgentUpgradeSpec
  status?: AgentUpgradeStatus
}

export interface AgentUpgradeSpec {
  /** A release that the control plane has, e.g. `0.2.0`. */
  version: string
  /** Absent or empty: every node. */
  nodeSelector?: LabelSelector
  /** How many nodes may be at it at once; a percentage is of those that are selected. Default 10%; always at least 1. */
  maxUnavailable?: IntOrString
  /** With so many failures no more nodes are touched. Default 1: the first failure ends it. */
  maxFailures?: IntOrString
  /** True: nodes that were told go on, no others are told. */
  paused?: boolean
  /** How long a new version may take to be healthy and in contact before the old one returns. Default 600. */
  deadlineSeconds?: number
}

/** Every count is of nodes, and each selected node is in at most one of the four after `total`. */
export interface AgentUpgradeStatus {
  observedGeneration?: number
  total: number
  updated: number
  /** Were told, are in contact and have not finished. */
  updating: number
  failed: number
  /** Are not in contact and do not run the version, as far as is known. */
  offline: number
  /** Why the first few nodes failed, by the name of the node. */
  failures?: { node: string; reason: string; message: string }[]
  conditions?: AgentUpgradeCondition[]
}

/** `Progressing`: something is still to come. `Complete`: all do. `Aborted`: final for this spec.version. */
export type AgentUpgradeConditionType = 'Progressing' | 'Complete' | 'Aborted'
export interface AgentUpgradeCondition extends Condition {
  type: AgentUpgradeConditionType
  observedGeneration?: number
}
