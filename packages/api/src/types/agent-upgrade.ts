import type { Condition } from '../conditions.ts'
import type { LabelSelector } from '../labels.ts'
import type { KubeObject } from '../object.ts'
import type { IntOrString } from './workload.ts'

/** Nodes with this label, value `true`, get a new version before all others. */
export const CANARY_LABEL = 'bramble.dev/canary'

/** On a Node that an AgentUpgrade told to change its version, until it has: the name of the AgentUpgrade. */
export const TOLD_ANNOTATION = 'bramble.dev/agent-upgrade'

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
  /** How many nodes may be at it at once; a percentage is of the selected nodes that are in contact. Default 10%; always at least 1. */
  maxUnavailable?: IntOrString
  /** With so many failures no more nodes are touched. A percentage is of the selected nodes. Default 1: the first failure ends it. */
  maxFailures?: IntOrString
  /** True: nodes that were told go on, no others are told. */
  paused?: boolean
  /** True: no more nodes are touched, for good. */
  aborted?: boolean
  /** How long a new version may take to be healthy and in contact before the old one returns. Default 600. */
  deadlineSeconds?: number
}

/** Every count is of nodes. Those that are in none of the four after `total` wait for their turn. */
export interface AgentUpgradeStatus {
  observedGeneration?: number
  /** The version that all this is about: another one in the spec starts anew. */
  version?: string
  /** Nodes that are selected and that no newer AgentUpgrade selects. */
  total: number
  updated: number
  /** Were told and have not finished. */
  updating: number
  failed: number
  /** Are not in contact and do not run the version, as far as is known. They get it when they return. */
  offline: number
  /** Why the first few nodes failed. */
  failures?: AgentUpgradeFailure[]
  conditions?: AgentUpgradeCondition[]
}

export interface AgentUpgradeFailure {
  node: string
  reason: string
  message: string
}

export interface AgentUpgradeCondition extends Condition {
  /** `Progressing`: nodes are at it or will be. `Complete`: all run it. `Aborted`: final for this version. */
  type: 'Progressing' | 'Complete' | 'Aborted'
}
