import { setTimeout as delay } from 'node:timers/promises'
import { jsonLog } from './log.ts'

/** Time. Production has one, the simulator another; nothing else may ask the machine what time it is. */
export interface Clock {
  /** Wall clock, epoch milliseconds. May jump: never use it to measure. */
  nowMs(): number
  /** Milliseconds since an arbitrary start; never goes back. */
  monotonicMs(): number
  /** Resolves after `ms`, or at once when `signal` aborts (it never rejects: callers look at the signal). */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export type LogFields = Readonly<Record<string, unknown>>
/** Structured log. Fields never hold secrets; errors go under `error`. */
export interface Log {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  child(fields: LogFields): Log
}

/** Where nondeterminism enters. A whole fleet runs in one process under a seed because nothing goes around it. */
export interface Env {
  readonly clock: Clock
  /** Uniform in [0, 1). */
  readonly random: () => number
  readonly log: Log
  /** Makes uids; absent: node:crypto does. The simulator's depend on the seed, as they decide orders and names. */
  readonly uuid?: () => string
}

/** The real thing. @param name Program name, a field of each log line. */
export const systemEnv = (name: string, level: string = 'info'): Env => ({
  clock: systemClock,
  random: () => Math.random(),
  log: jsonLog(name, level),
})

/** setTimeout holds at most 2^31 - 1 ms; longer sleeps are cut into pieces. */
const TIMER_MS_MAX = 2 ** 31 - 1

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => {
    for (let leftMs = Math.max(0, ms); !signal?.aborted; leftMs -= TIMER_MS_MAX) {
      try {
        await delay(Math.min(leftMs, TIMER_MS_MAX), undefined, { ...(signal && { signal }) })
      } catch {
        return // aborted; the caller looks at its signal
      }
      if (leftMs <= TIMER_MS_MAX) return
    }
  },
}
