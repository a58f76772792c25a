import { conditionOf, withCondition } from '@bramble/api/conditions'
import { timestamp } from '@bramble/api/duration'
import type { AgentUpgrade, AgentUpgradeCondition, AgentUpgradeFailure, AgentUpgradeStatus } from '@bramble/api/types/agent-upgrade'
import type { NodeState } from './node-state.ts'
import { importCommand } from './release.ts'

export interface Outlook {
  readonly upgrade: AgentUpgrade
  readonly states: readonly NodeState[]
  /** How many of those that wait are told now. */
  readonly told: number
  readonly failures: readonly AgentUpgradeFailure[]
  /** Architectures of nodes that wait, for which there is no release. */
  readonly lackingArchs: readonly string[]
  /** No node is touched any more. */
  readonly ends: boolean
  /** The version of a control plane that is too far from the one that is wanted. */
  readonly farFrom?: string
  readonly nowMs: number
}

/** Enough to see what is wrong; the Nodes say the rest. */
const FAILURES_SHOWN_MAX = 10

/** What the AgentUpgrade says of itself. */
export function statusOf(outlook: Outlook): AgentUpgradeStatus {
  const { upgrade, states, told, failures, ends, nowMs } = outlook
  const { status: before, spec, metadata } = upgrade
  const count = (type: NodeState['type']): number => states.filter((state) => state.type === type).length
  const counts = {
    total: states.length,
    updated: count('updated'),
    updating: count('updating') + told,
    failed: failures.length,
    offline: count('offline'),
  }
  const isSameVersion = before?.version === spec.version
  const shown = merged(ends && isSameVersion ? (before.failures ?? []) : [], failures).slice(0, FAILURES_SHOWN_MAX)
  const conditions = conditionsOf(outlook, counts, isSameVersion ? before.conditions : undefined)
  return {
    ...(metadata.generation !== undefined && { observedGeneration: metadata.generation }),
    version: spec.version,
    ...counts,
    ...(shown.length > 0 && { failures: shown }),
    conditions: conditions.reduce<readonly AgentUpgradeCondition[]>(
      (all, condition) => withCondition<AgentUpgradeCondition>(all, condition, timestamp(nowMs)),
      isSameVersion ? (before.conditions ?? []) : [],
    ) as AgentUpgradeCondition[],
  }
}

/** What ended a rollout stays to be read although the nodes have been let off. */
const merged = (known: readonly AgentUpgradeFailure[], now: readonly AgentUpgradeFailure[]): readonly AgentUpgradeFailure[] => [
  ...known.filter(({ node }) => !now.some((failure) => failure.node === node)),
  ...now,
]

type Counts = Pick<AgentUpgradeStatus, 'total' | 'updated' | 'updating' | 'failed' | 'offline'>

function conditionsOf(
  outlook: Outlook,
  counts: Counts,
  before: readonly AgentUpgradeCondition[] | undefined,
): readonly AgentUpgradeCondition[] {
  const { upgrade, ends } = outlook
  const isComplete = counts.total > 0 && counts.updated === counts.total
  const all = `${counts.updated} of ${counts.total} nodes run ${upgrade.spec.version}`
  const progress = ends ? { isOn: false, reason: 'Aborted', message: all } : progressOf(outlook, counts, all)
  return [
    { type: 'Progressing', status: progress.isOn ? 'True' : 'False', reason: progress.reason, message: progress.message },
    { type: 'Complete', status: isComplete ? 'True' : 'False', reason: isComplete ? 'AllUpdated' : 'NotAllUpdated', message: all },
    ...(ends ? [conditionOf(before, 'Aborted') ?? abortOf(outlook)] : []),
  ]
}

function abortOf({ upgrade, failures }: Outlook): AgentUpgradeCondition {
  const head = { type: 'Aborted', status: 'True' } as const
  const rest = 'no more nodes are touched. Another spec.version starts anew'
  if (failures.length === 0 || upgrade.spec.aborted) return { ...head, reason: 'Requested', message: `spec.aborted is set: ${rest}` }
  const names = failures.slice(0, FAILURES_SHOWN_MAX).map(({ node, message }) => `${node} (${message})`)
  return { ...head, reason: 'TooManyFailures', message: `failed on ${names.join(', ')}: ${rest}` }
}

interface Progress {
  readonly isOn: boolean
  readonly reason: string
  readonly message: string
}

function progressOf({ upgrade, told, lackingArchs, farFrom }: Outlook, counts: Counts, all: string): Progress {
  const { version, paused } = upgrade.spec
  const { total, updated, updating, failed, offline } = counts
  const waiting = total - updated - updating - failed - offline
  const stop = (reason: string, message: string): Progress => ({ isOn: false, reason, message })
  const lack = lackingArchs.map(
    (arch) => `${version} for ${arch} is not among the releases: on the control plane, type ${importCommand(version, arch)}`,
  )
  const at = updating === 0 ? '' : `, ${updating} ${updating === 1 ? 'is' : 'are'} at it`

  if (total === 0) return stop('NoNodes', 'no node is selected, or a newer AgentUpgrade selects them all')
  if (updated === total) return stop('Complete', all)
  if (farFrom !== undefined)
    return stop(
      'TooFarApart',
      `${version} is more than two minor versions from ${farFrom}, which the control plane runs: nodes could lose contact`,
    )
  if (paused) return stop('Paused', `${all}${at}; spec.paused is set`)
  if (updating > 0 || told > 0) return { isOn: true, reason: 'NodesUpdating', message: [`${all}${at}`, ...lack].join('; ') }
  if (lack.length > 0) return stop('ReleaseMissing', lack.join('; '))
  if (waiting > 0) return { isOn: true, reason: 'NodesWaiting', message: all }
  if (failed > 0) return stop('Failures', `${all}, ${failed} failed`)
  return stop('WaitingForNodes', `${all}; the others are offline and get it when they return`)
}
