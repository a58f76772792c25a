import { backoffMs } from '@bramble/reconcile/backoff'
import type { Env } from '@bramble/reconcile/env'

const DELAY_MIN_MS = 1_000
const DELAY_MAX_MS = 15 * 60_000
const ENTRIES_MAX = 5_000

/**
 * How long a failed pod is left before it is replaced: the first goes at once, later ones wait longer each time; after a
 * quiet time it starts anew. Memory of this process only: a restart forgives.
 * @see Source: Kubernetes' failedPodsBackoff, 1 s to 15 min.
 */
export class FailedPods {
  readonly #env: Env
  readonly #entries = new Map<string, { failures: number; lastMs: number; delayMs: number }>()

  constructor(env: Env) {
    this.#env = env
  }

  /** Milliseconds until the failed pod of this place may go; 0 = now. */
  waitMs(place: string): number {
    const entry = this.#entries.get(place)
    if (!entry) return 0
    return Math.max(0, entry.lastMs + entry.delayMs - this.#env.clock.monotonicMs())
  }

  /** A failed pod of this place was removed. */
  removed(place: string): void {
    const nowMs = this.#env.clock.monotonicMs()
    const before = this.#entries.get(place)
    const quiet = before && nowMs - before.lastMs > 2 * DELAY_MAX_MS
    const failures = before && !quiet ? before.failures + 1 : 1
    this.#entries.delete(place)
    this.#entries.set(place, { failures, lastMs: nowMs, delayMs: backoffMs(failures, DELAY_MIN_MS, DELAY_MAX_MS, this.#env.random) })
    const [oldest] = this.#entries.keys()
    if (this.#entries.size > ENTRIES_MAX) this.#entries.delete(oldest!)
  }
}
