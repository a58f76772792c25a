import type { Clock } from '../env.ts'

interface Sleeper {
  readonly atMs: number
  readonly order: number
  readonly wake: () => void
}

/** Virtual time: nothing happens until `advance`, then everything due happens in deadline order. */
export class SimClock implements Clock {
  #elapsedMs = 0
  #order = 0
  readonly #sleepers = new Set<Sleeper>()
  readonly #epochMs: number

  constructor(epochMs: number = Date.UTC(2026, 0, 1)) {
    this.#epochMs = epochMs
  }

  nowMs(): number {
    return this.#epochMs + this.#elapsedMs
  }
  monotonicMs(): number {
    return this.#elapsedMs
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const sleeper: Sleeper = {
        atMs: this.#elapsedMs + Math.max(0, ms),
        order: this.#order++,
        wake: () => {
          this.#sleepers.delete(sleeper)
          signal?.removeEventListener('abort', sleeper.wake)
          resolve()
        },
      }
      this.#sleepers.add(sleeper)
      signal?.addEventListener('abort', sleeper.wake, { once: true })
    })
  }

  async advance(ms: number): Promise<void> {
    const untilMs = this.#elapsedMs + ms
    await settle()
    for (;;) {
      const due = this.#next()
      if (!due || due.atMs > untilMs) break
      this.#elapsedMs = due.atMs
      due.wake()
      await settle() // let everything that reacts to this instant finish before time moves on
    }
    this.#elapsedMs = untilMs
  }

  #next(): Sleeper | undefined {
    let first: Sleeper | undefined
    for (const sleeper of this.#sleepers)
      if (!first || sleeper.atMs < first.atMs || (sleeper.atMs === first.atMs && sleeper.order < first.order)) first = sleeper
    return first
  }
}

/** A macrotask boundary: every promise chain that can make progress has. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
