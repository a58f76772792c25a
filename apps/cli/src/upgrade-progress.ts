import { setTimeout as delay } from 'node:timers/promises'
import { conditionOf, isConditionTrue } from '@bramble/api/conditions'
import type { AgentUpgrade, AgentUpgradeStatus } from '@bramble/api/types/agent-upgrade'

const LOOK_MS = 1_000
/** The control plane may be upgraded at the same time. */
const SILENT_MS_MAX = 300_000

export interface Standing {
  readonly word: string
  readonly message: string
  /** Whether anything is still to come; if not, whether it is well. */
  readonly is: 'going on' | 'well' | 'over'
}

/** Nobody waits for nodes that are offline, nor for a pause to end. */
const WELL: readonly string[] = ['Complete', 'WaitingForNodes', 'Paused']

/** How an upgrade stands, in a word. */
export function standingOf(status: AgentUpgradeStatus | undefined): Standing {
  const progressing = conditionOf(status?.conditions, 'Progressing')
  const aborted = conditionOf(status?.conditions, 'Aborted')
  if (aborted?.status === 'True') return { word: 'Aborted', message: aborted.message ?? '', is: 'over' }
  if (!progressing) return { word: 'Pending', message: 'nobody has looked at it yet', is: 'going on' }
  const { reason = '', message = '' } = progressing
  if (isConditionTrue(status?.conditions, 'Progressing')) return { word: 'Progressing', message, is: 'going on' }
  return { word: reason, message, is: WELL.includes(reason) ? 'well' : 'over' }
}

/**
 * Prints a line whenever something changes, until nothing more is to come.
 *
 * @returns whether it went well. @throws when the control plane stays away.
 */
export async function followUpgrade(parts: {
  readonly read: () => Promise<AgentUpgrade | undefined>
  readonly say: (line: string) => void
  readonly lookMs?: number
}): Promise<boolean> {
  const { read, say, lookMs = LOOK_MS } = parts
  let last = ''
  for (let silentMs = 0; ; silentMs += lookMs) {
    const upgrade = await read().catch((error: Error) => {
      if (silentMs >= SILENT_MS_MAX) throw error
      return error
    })
    if (upgrade === undefined) {
      say('the AgentUpgrade is gone: versions stay as they are')
      return false
    }
    const line = upgrade instanceof Error ? `${upgrade.message}; trying again` : lineOf(upgrade)
    if (line !== last) say(line)
    last = line
    if (!(upgrade instanceof Error)) {
      silentMs = 0
      const { is } = standingOf(upgrade.status)
      if (is !== 'going on' && isCurrent(upgrade)) {
        for (const { node, reason, message } of upgrade.status?.failures ?? []) say(`${node}: ${reason}: ${message}`)
        return is === 'well'
      }
    }
    await delay(lookMs)
  }
}

/** What stands in the status is about what is asked for now. */
const isCurrent = ({ metadata, spec, status }: AgentUpgrade): boolean =>
  status?.version === spec.version && status.observedGeneration === metadata.generation

function lineOf({ spec, status }: AgentUpgrade): string {
  const { updated = 0, updating = 0, failed = 0, offline = 0, total = 0 } = status ?? {}
  const { word, message } = standingOf(status)
  const counts = [`${updated} of ${total} nodes run ${spec.version}`]
  if (updating > 0) counts.push(`${updating} at it`)
  if (failed > 0) counts.push(`${failed} failed`)
  if (offline > 0) counts.push(`${offline} offline`)
  const isSaid = word === 'Progressing' || word === 'Complete'
  return `${word.padEnd(11)} ${counts.join(', ')}${isSaid ? '' : `: ${message}`}`
}
