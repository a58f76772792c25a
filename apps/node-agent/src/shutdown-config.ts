import type { Setting } from '@bramble/reconcile/settings'

/** Where a machine that goes down tells its agent. */
export const SHUTDOWN_SOCKET = '/run/bramble/shutdown.sock'

const GRACE = 'shutdown-grace-period'
const CRITICAL_GRACE = 'shutdown-grace-period-critical-pods'

/** Source: kubelet configuration shutdownGracePeriod and shutdownGracePeriodCriticalPods. */
export const SHUTDOWN_SETTINGS: readonly Setting[] = [
  {
    name: GRACE,
    kind: 'seconds',
    value: 'SECONDS',
    default: 30,
    min: 0,
    max: 3600,
    description: 'how long pods have to end before the machine goes down, in seconds, critical ones included',
  },
  {
    name: CRITICAL_GRACE,
    kind: 'seconds',
    value: 'SECONDS',
    default: 10,
    min: 0,
    max: 3600,
    description: 'the part of it that is kept for critical pods, in seconds: they end last',
  },
]

export interface ShutdownPeriods {
  readonly graceMs: number
  readonly criticalGraceMs: number
}

/** @returns what each of the two groups has. */
export function shutdownPeriods(values: Readonly<Record<string, unknown>>): ShutdownPeriods {
  const [all, critical] = [values[GRACE] as number, values[CRITICAL_GRACE] as number]
  return { graceMs: Math.max(0, all - critical) * 1000, criticalGraceMs: Math.min(all, critical) * 1000 }
}
