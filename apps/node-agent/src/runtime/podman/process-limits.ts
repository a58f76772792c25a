import { readFile } from 'node:fs/promises'

/** What this machine lets a container have: without CAP_SYS_RESOURCE nothing above the agent's own limits. */
export interface ProcessLimits {
  readonly openFilesMax: number
  readonly processesMax: number
  /** Lowest oom_score_adj that can be set. */
  readonly oomScoreAdjMin: number
}

const CAP_SYS_RESOURCE = 24n
const OPEN_FILES_MAX = 1_048_576
const OOM_SCORE_ADJ_MIN = -1000

export async function readProcessLimits(): Promise<ProcessLimits> {
  const [limits, status, ownScore, pidMax] = await Promise.all(
    ['/proc/self/limits', '/proc/self/status', '/proc/self/oom_score_adj', '/proc/sys/kernel/pid_max'].map((path) =>
      readFile(path, 'utf8'),
    ),
  )
  const capabilities = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status!)?.[1] ?? '0'}`)
  const hasResourceRight = ((capabilities >> CAP_SYS_RESOURCE) & 1n) === 1n
  return {
    openFilesMax: Math.min(hardLimit(limits!, 'Max open files'), OPEN_FILES_MAX),
    processesMax: Math.min(hardLimit(limits!, 'Max processes'), Number(pidMax)), // Podman itself takes no more than pid_max
    oomScoreAdjMin: hasResourceRight ? OOM_SCORE_ADJ_MIN : Number(ownScore),
  }
}

function hardLimit(limits: string, name: string): number {
  const hard = new RegExp(`^${name}\\s+\\S+\\s+(\\S+)`, 'm').exec(limits)?.[1]
  return hard === undefined || hard === 'unlimited' ? Infinity : Number(hard)
}
