import type { KubeObject } from '../object.ts'

/** On a Node, by hand or by an AgentUpgrade: the version that its agent shall run, e.g. `0.2.0`. */
export const AGENT_VERSION_ANNOTATION = 'bramble.dev/agent-version'
/** On a Node: how long a new version may take to be healthy and in contact, seconds, before the old one returns. */
export const AGENT_DEADLINE_ANNOTATION = 'bramble.dev/agent-upgrade-deadline'

/** What a node is told about itself by its gateway. It is shown to that node alone and stored nowhere. */
export interface NodeConfig extends KubeObject {
  spec: {
    /** Absent: nobody wants a certain one. */
    agentVersion?: string
    /** Absent: the agent's default. */
    deadlineSeconds?: number
  }
}

/** Type of the Node condition by which an agent tells how far it is with the version that is wanted. */
export const AGENT_UPGRADE_CONDITION = 'AgentUpgrade'

/**
 * Reasons of that condition: `UpToDate` with status True, all others with False. The first three after it say that the agent is at it;
 * `DownloadFailed` that it tries again; `Returned` and `Refused` are its last word on that version.
 */
export type AgentUpgradeReason = 'UpToDate' | 'Downloading' | 'Staged' | 'OnTrial' | 'DownloadFailed' | 'Returned' | 'Refused'

/** What `status.nodeInfo.kubeletVersion` is for an agent of this version, and back: `v1.36.2+bramble.0.2.0`. */
export const agentVersionOf = (kubeletVersion: string | undefined): string | undefined =>
  kubeletVersion === undefined ? undefined : /\+bramble\.(.+)$/.exec(kubeletVersion)?.[1]
