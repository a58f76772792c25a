import { isConditionTrue } from '@bramble/api/conditions'
import {
  type AgentUpgrade,
  type AgentUpgradeFailure,
  type AgentUpgradeStatus,
  CANARY_LABEL,
  TOLD_ANNOTATION,
} from '@bramble/api/types/agent-upgrade'
import type { Node } from '@bramble/api/types/node'
import { minorsBetween, SKEW_MINORS_MAX } from '@bramble/api/version'
import { isOffline } from '../node-reachability.ts'
import { scaledValue } from '../scaled-value.ts'
import { type Candidate, hasNotBegun, isTold, isUpdated, type NodeState, stateOf } from './node-state.ts'
import { archOf, isThere, type Release } from './release.ts'
import { statusOf } from './status.ts'

export interface Observed {
  readonly upgrade: AgentUpgrade
  /** The nodes that this upgrade decides about. */
  readonly candidates: readonly Candidate[]
  readonly releases: readonly Release[]
  /** Of the control plane; undefined where nobody knows. */
  readonly serverVersion: string | undefined
  readonly nowMs: number
}

export interface UpgradePlan {
  /** Nodes that shall run the version from now on. */
  readonly tell: readonly Node[]
  /** Nodes that were told, have not begun, and shall not. */
  readonly untell: readonly Node[]
  /** Nodes that have done what they were told. */
  readonly finish: readonly Node[]
  /** Failures that the status did not name before. */
  readonly newFailures: readonly AgentUpgradeFailure[]
  readonly status: AgentUpgradeStatus
  /** When to look again though nothing changes. */
  readonly againInMs: number | undefined
}

const RELEASES_LOOK_MS = 30_000
const DEADLINE_SECONDS = 600

/**
 * One step of a rollout: pure and total. At most a wave of nodes is at it at any time, those marked as canaries before all others;
 * nodes out of contact are left alone until they return. Once there are too many failures, or somebody says so, no node is touched
 * any more, for good.
 */
export function planUpgrade(observed: Observed): UpgradePlan {
  const { upgrade, candidates, releases, serverVersion, nowMs } = observed
  const { version, paused = false, aborted = false, deadlineSeconds = DEADLINE_SECONDS } = upgrade.spec
  const isProven = candidates.some(({ node }) => isUpdated(node, version))
  const wish = { version, deadlineMs: deadlineSeconds * 1000, isProven }
  const looked: readonly Looked[] = candidates.map((candidate) => ({ ...candidate, state: stateOf(candidate, wish) }))
  const failures = looked.flatMap(({ node, state }) =>
    state.type === 'failed' ? [{ node: node.metadata.name, reason: state.reason, message: state.message }] : [],
  )

  const isTooFar = serverVersion !== undefined && Math.abs(minorsBetween(version, serverVersion) ?? 0) > SKEW_MINORS_MAX
  const isStillAborted = upgrade.status?.version === version && isConditionTrue(upgrade.status.conditions, 'Aborted')
  const ends = isStillAborted || aborted || failures.length >= failuresMax(upgrade, candidates.length)
  const waiting = looked.filter(({ state }) => state.type === 'waiting')
  const lacking = waiting.filter(({ node }) => !isThere(releases, version, archOf(node)))
  const tell = ends || paused || isTooFar ? [] : nextNodes(upgrade, looked, new Set(lacking))
  const leftMs = looked.flatMap(({ state }) => (state.type === 'updating' ? [state.leftMs] : []))
  const againInMs = Math.min(...leftMs, ...(lacking.length > 0 && !ends ? [RELEASES_LOOK_MS] : []))

  return {
    tell,
    untell: ends ? looked.filter(mayStillBeHeld(upgrade)).map(({ node }) => node) : [],
    finish: looked
      .filter(({ node, state }) => state.type === 'updated' && TOLD_ANNOTATION in (node.metadata.annotations ?? {}))
      .map(({ node }) => node),
    newFailures: failures.filter(({ node }) => !upgrade.status?.failures?.some((known) => known.node === node)),
    status: statusOf({
      upgrade,
      states: looked.map(({ state }) => state),
      told: tell.length,
      failures,
      lackingArchs: [...new Set(lacking.map(({ node }) => archOf(node)))].sort(),
      ends,
      ...(isTooFar && { farFrom: serverVersion }),
      nowMs,
    }),
    againInMs: againInMs === Infinity ? undefined : againInMs,
  }
}

interface Looked extends Candidate {
  readonly state: NodeState
}

/** How many nodes may be at it at once. A share is rounded down: it is a promise of how many stay as they are. */
export function waveOf({ spec }: AgentUpgrade, candidates: readonly Candidate[]): number {
  const online = candidates.filter(({ node }) => !isOffline(node)).length
  return Math.max(1, scaledValue(spec.maxUnavailable ?? '10%', online, 'down'))
}

const failuresMax = ({ spec }: AgentUpgrade, total: number): number => Math.max(1, scaledValue(spec.maxFailures ?? 1, total, 'down'))

function nextNodes(upgrade: AgentUpgrade, looked: readonly Looked[], lacking: ReadonlySet<Looked>): readonly Node[] {
  const updating = looked.filter(({ state }) => state.type === 'updating')
  const room = waveOf(upgrade, looked) - updating.length
  const ready = looked.filter((one) => one.state.type === 'waiting' && !lacking.has(one))
  const canaries = ready.filter(isCanary)
  if (canaries.length === 0 && updating.some(isCanary)) return []
  return (canaries.length > 0 ? canaries : ready)
    .map(({ node }) => node)
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .slice(0, Math.max(0, room))
}

const isCanary = ({ node }: Candidate): boolean => node.metadata.labels?.[CANARY_LABEL] === 'true'

/** What somebody told by hand is not taken back. */
const mayStillBeHeld =
  ({ metadata, spec }: AgentUpgrade) =>
  ({ node, state }: Looked): boolean =>
    state.type !== 'updated' &&
    node.metadata.annotations?.[TOLD_ANNOTATION] === metadata.name &&
    isTold(node, spec.version) &&
    hasNotBegun(node, spec.version)
