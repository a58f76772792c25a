import { conditionOf } from '@bramble/api/conditions'
import type { Node } from '@bramble/api/types/node'
import { AGENT_UPGRADE_CONDITION, AGENT_VERSION_ANNOTATION, type AgentUpgradeReason, agentVersionOf } from '@bramble/api/types/node-config'
import { isOffline } from '../node-reachability.ts'

/** A node and how long things have been so, as far as this process has seen: a wall clock that jumps ends nothing early. */
export interface Candidate {
  readonly node: Node
  /** How long it has been told to run the version, milliseconds; 0 when it is not. */
  readonly toldMs: number
  /** How long nothing has been heard of it; 0 when it is in contact. */
  readonly silentMs: number
}

export type NodeState =
  | { readonly type: 'updated' }
  /** Told, and may yet finish. `leftMs`: after that long it is looked at otherwise. */
  | { readonly type: 'updating'; readonly leftMs: number }
  | { readonly type: 'failed'; readonly reason: string; readonly message: string }
  /** Out of contact; nothing is expected of it. */
  | { readonly type: 'offline' }
  /** In contact, and not told. */
  | { readonly type: 'waiting' }

export interface Wish {
  readonly version: string
  readonly deadlineMs: number
  /** Whether the version has worked on some node. */
  readonly isProven: boolean
}

/** A launcher that gives a version up needs a moment to start the old one, and that one to be heard. */
const GRACE_MS = 120_000
/** Downloads over bad links take long, but not this long. */
const TRANSFER_MS = 6 * 3_600_000

/**
 * How far a node is.
 *
 * A node that falls silent after it was told keeps its place in the wave until it must have come back one way or the other. After
 * that it is merely offline when the version works elsewhere; otherwise nothing says that the version is not why, and it has failed.
 */
export function stateOf({ node, toldMs, silentMs }: Candidate, { version, deadlineMs, isProven }: Wish): NodeState {
  if (isUpdated(node, version)) return { type: 'updated' }
  const isSilent = isOffline(node)
  if (!isTold(node, version)) return { type: isSilent ? 'offline' : 'waiting' }

  const { reason, message = '' } = answerOf(node, version) ?? {}
  if (reason === 'Returned' || reason === 'Refused') return { type: 'failed', reason, message }
  const limitMs = deadlineMs + GRACE_MS
  if (isSilent) {
    if (silentMs < limitMs) return { type: 'updating', leftMs: limitMs - silentMs }
    if (isProven) return { type: 'offline' }
    return { type: 'failed', reason: 'Silent', message: `${version}: not heard of since it was told, and no node runs this version yet` }
  }
  if (reason === 'DownloadFailed') return within(toldMs, deadlineMs, reason, message)
  if (reason === 'Downloading' || reason === 'Staged' || reason === 'OnTrial')
    return within(toldMs, TRANSFER_MS + deadlineMs, 'Stuck', `${version}: ${reason} for too long: ${message}`)
  return within(toldMs, limitMs, 'NoAnswer', `${version}: the agent was told and does nothing; it may not be installed as a service`)
}

const within = (sinceMs: number, limitMs: number, reason: string, message: string): NodeState =>
  sinceMs < limitMs ? { type: 'updating', leftMs: limitMs - sinceMs } : { type: 'failed', reason, message }

export const isTold = (node: Node, version: string): boolean => node.metadata.annotations?.[AGENT_VERSION_ANNOTATION] === version

/** Whether the agent has said something about this version. */
export const hasAnswered = (node: Node, version: string): boolean => answerOf(node, version) !== undefined

/** Whether an agent that was told has not begun to change anything: it can still be told otherwise. */
export function hasNotBegun(node: Node, version: string): boolean {
  const reason = answerOf(node, version)?.reason
  return reason === undefined || reason === 'Downloading' || reason === 'DownloadFailed'
}

/** Runs the version and says so; one that nobody told need not say it. */
export function isUpdated(node: Node, version: string): boolean {
  if (agentVersionOf(node.status?.nodeInfo?.kubeletVersion) !== version) return false
  const { status } = conditionOf(node.status?.conditions, AGENT_UPGRADE_CONDITION) ?? {}
  const told = node.metadata.annotations?.[AGENT_VERSION_ANNOTATION]
  return told === undefined ? status !== 'False' : told === version && status === 'True'
}

/** What the agent says about this version; its messages begin with the version that they are about. */
function answerOf(node: Node, version: string): { readonly reason: AgentUpgradeReason; readonly message: string } | undefined {
  const { reason, message = '' } = conditionOf(node.status?.conditions, AGENT_UPGRADE_CONDITION) ?? {}
  return message === version || message.startsWith(`${version}:`) ? { reason: reason as AgentUpgradeReason, message } : undefined
}
