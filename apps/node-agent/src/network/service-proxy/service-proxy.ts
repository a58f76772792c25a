import type { ServiceTable } from './service-table.ts'

/** Whole state in; the adapter diffs. `iptables/` programs the kernel, `recording-proxy.ts` remembers (tests, simulation). */
export interface ServiceProxy {
  /** Makes the kernel route as the table says; only what changed is written. Heals what someone else removed. */
  sync(table: ServiceTable, signal: AbortSignal): Promise<{ readonly chainsWritten: number }>
  /** "Someone else changed the rules: sync again." Ends when `signal` aborts. */
  disturbances(signal: AbortSignal): AsyncIterable<void>
  /** Leaves nothing behind. */
  remove(): Promise<void>
}
