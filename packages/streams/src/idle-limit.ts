import type { Clock } from '@bramble/reconcile/env'

/** Notices that nothing has gone through for long. */
export class IdleLimit {
  readonly #clock: Clock
  readonly #idleMs: number
  #lastMs: number

  constructor(clock: Clock, idleMs: number) {
    this.#clock = clock
    this.#idleMs = idleMs
    this.#lastMs = clock.monotonicMs()
  }

  /** Something went through. */
  touch(): void {
    this.#lastMs = this.#clock.monotonicMs()
  }

  /** Resolves when nothing went through for the limit, or when `signal` aborts. */
  async reached(signal: AbortSignal): Promise<void> {
    for (;;) {
      const leftMs = this.#lastMs + this.#idleMs - this.#clock.monotonicMs()
      if (leftMs <= 0 || signal.aborted) return
      await this.#clock.sleep(leftMs, signal)
    }
  }
}
