import type { Env } from '@bramble/reconcile/env'
import { runCommand } from './exec.ts'

const NOTIFY_LIMIT_MS = 10_000

/**
 * Tells systemd that this process is well, twice in each period of its unit's WatchdogSec, until `signal` aborts; returns at once where
 * nobody watches. What hangs for longer, an endless loop say, is killed and started anew. Source: sd_watchdog_enabled(3).
 */
export async function keepWatchdog(env: Env, signal: AbortSignal, environment: NodeJS.ProcessEnv = process.env): Promise<void> {
  const periodMs = watchdogPeriodMs(environment)
  if (periodMs === undefined) return
  while (!signal.aborted) {
    try {
      // a datagram to a unix socket, which Node.js cannot send
      await runCommand('systemd-notify', ['WATCHDOG=1'], { timeoutMs: NOTIFY_LIMIT_MS, signal })
    } catch (error) {
      if (!signal.aborted) env.log.warn('systemd could not be told that the agent is well', { error })
    }
    await env.clock.sleep(periodMs / 2, signal)
  }
}

/** undefined where nobody watches this process. */
export function watchdogPeriodMs({ NOTIFY_SOCKET, WATCHDOG_USEC }: NodeJS.ProcessEnv): number | undefined {
  const microseconds = Number(WATCHDOG_USEC)
  return NOTIFY_SOCKET && Number.isFinite(microseconds) && microseconds > 0 ? microseconds / 1000 : undefined
}
