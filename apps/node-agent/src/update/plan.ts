import type { AgentUpgradeReason } from '@bramble/api/types/node-config'
import { isVersion } from '@bramble/api/version'

/** How long a release on trial must be healthy and in contact without a break before it stays. */
export const HEALTHY_MS = 30_000
export const DEADLINE_SECONDS = 600
const RETRY_MS_MIN = 30_000
const RETRY_MS_MAX = 3_600_000
/** A release that never reached the server, or a download in vain: each try costs contact, or what a metered link carries. */
const COSTLY_MS_MIN = 600_000
const COSTLY_MS_MAX = 24 * 3_600_000

/** What the launcher keeps of the agent's releases. */
export interface Slot {
  /** What runs after the next start. */
  readonly current: string | undefined
  readonly trial?: { readonly version: string; readonly starts: number; readonly deadlineSeconds: number }
  /** Why releases were given up. What never ran has a reason that begins with {@link REFUSED}. */
  readonly bad: Readonly<Record<string, string>>
  /** What was left last, and may be tried again unless it is bad. */
  readonly returned?: { readonly version: string; readonly times: number; readonly why: string }
  /** On the disk, whole. */
  readonly releases: readonly string[]
}
export const REFUSED = 'refused: '

/** A version that could not be had, by this process. */
export interface FailedTry {
  readonly version: string
  readonly times: number
  readonly why: string
  /** Of the last one, monotonic. */
  readonly atMs: number
  /** All of it was fetched in vain. */
  readonly isCostly: boolean
}

export interface UpdateView {
  /** What this process is. */
  readonly running: string
  /** undefined: nobody wants a certain one. */
  readonly wanted: string | undefined
  /** undefined where no launcher started this process: it cannot be replaced. */
  readonly slot: Slot | undefined
  readonly failed: FailedTry | undefined
  readonly isConnected: boolean
  /** For how long the node has been Ready and in contact without a break. */
  readonly healthyMs: number
  /** When this process began, monotonic. */
  readonly startedMs: number
  readonly nowMs: number
}

export type UpdateStep =
  | { readonly kind: 'wait' /** Look again then; absent: when something changes. */; readonly untilMs?: number }
  | { readonly kind: 'download' | 'stage' | 'commit'; readonly version: string }
  | { readonly kind: 'restart' }

export interface UpdatePlan {
  readonly step: UpdateStep
  /** What the node's condition says; absent: nothing to say. */
  readonly says?: { readonly reason: AgentUpgradeReason; readonly message: string }
}

/** What to do next so that the node comes to run the version that is wanted, and what to tell meanwhile. Pure and total. */
export function planUpdate(view: UpdateView): UpdatePlan {
  const { running, wanted, slot } = view
  if (slot?.trial?.version === running) return planTrial(view, slot.trial)
  if (slot?.current !== undefined && slot.current !== running) return { step: { kind: 'restart' }, says: staged(slot.current) }
  if (wanted === undefined) return { step: IDLE }
  if (wanted === running) return { step: IDLE, says: { reason: 'UpToDate', message: `runs ${running}` } }

  if (!isVersion(wanted))
    return { step: IDLE, says: { reason: 'Refused', message: `"${wanted}" is no version of a release such as 0.2.0` } }
  if (!slot)
    return {
      step: IDLE,
      says: {
        reason: 'Refused',
        message: `${wanted}: this agent was not started by a launcher, as from the sources; install a release with install.sh`,
      },
    }
  const bad = slot.bad[wanted]
  if (bad?.startsWith(REFUSED)) return { step: IDLE, says: { reason: 'Refused', message: `${wanted}: ${bad.slice(REFUSED.length)}` } }
  if (bad !== undefined) return { step: IDLE, says: { reason: 'Returned', message: `${wanted}: ${bad}; ${running} runs again` } }
  return planChange(view, slot, wanted)
}

const staged = (version: string) => ({ reason: 'Staged', message: `${version}: is on the disk and starts in a moment` }) as const
const IDLE: UpdateStep = { kind: 'wait' }

function planTrial({ running, healthyMs, nowMs }: UpdateView, trial: NonNullable<Slot['trial']>): UpdatePlan {
  const { starts, deadlineSeconds } = trial
  const neededMs = Math.min(HEALTHY_MS, deadlineSeconds * 500) // a deadline that is short can be kept as well
  return {
    step: healthyMs >= neededMs ? { kind: 'commit', version: running } : { kind: 'wait', untilMs: nowMs + 1000 },
    says: {
      reason: 'OnTrial',
      message: `${running}: start ${starts} of 3; stays once it has been healthy and in contact for ${neededMs / 1000} s, within ${deadlineSeconds} s`,
    },
  }
}

function planChange({ running, isConnected, failed, startedMs, nowMs }: UpdateView, slot: Slot, wanted: string): UpdatePlan {
  const { returned } = slot
  if (returned?.version === wanted) {
    const retryMs = startedMs + costlyBackoff(returned.times)
    const says = { reason: 'Returned', message: `${wanted}: ${returned.why}; ${running} runs again; will be tried again` } as const
    if (nowMs < retryMs) return { step: { kind: 'wait', untilMs: retryMs }, says }
    if (!isConnected) return { step: IDLE, says }
  }
  if (failed?.version === wanted) {
    const retryMs = failed.atMs + (failed.isCostly ? costlyBackoff(failed.times) : backoff(failed.times, RETRY_MS_MIN, RETRY_MS_MAX))
    const says = { reason: 'DownloadFailed', message: `${wanted}: ${failed.why}; will be tried again` } as const
    if (nowMs < retryMs) return { step: { kind: 'wait', untilMs: retryMs }, says }
    if (!isConnected) return { step: IDLE, says }
  }
  const says = { reason: 'Downloading', message: `${wanted}: is fetched from the control plane` } as const
  if (!isConnected) return { step: IDLE, says }
  if (!slot.releases.includes(wanted)) return { step: { kind: 'download', version: wanted }, says }
  return { step: { kind: 'stage', version: wanted }, says: staged(wanted) }
}

const costlyBackoff = (times: number): number => backoff(times, COSTLY_MS_MIN, COSTLY_MS_MAX)
const backoff = (times: number, minMs: number, maxMs: number): number => Math.min(minMs * 2 ** Math.min(times - 1, 30), maxMs)
