type Wake = (sequence: number | undefined) => void

/** Readers that have seen everything and wait for the next event under their prefix. */
export class WatchWaiters {
  readonly #waiting = new Map<string, Set<Wake>>()

  /** Resolves with the sequence number of the next event under `prefix`, or with undefined when `signal` aborts. */
  wait(prefix: string, signal: AbortSignal): Promise<number | undefined> {
    if (signal.aborted) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const waiters = this.#waiting.get(prefix) ?? new Set()
      this.#waiting.set(prefix, waiters)
      const wake: Wake = (sequence) => {
        signal.removeEventListener('abort', stop)
        waiters.delete(wake)
        if (waiters.size === 0 && this.#waiting.get(prefix) === waiters) this.#waiting.delete(prefix)
        resolve(sequence)
      }
      const stop = (): void => wake(undefined)
      waiters.add(wake)
      signal.addEventListener('abort', stop, { once: true })
    })
  }

  announce(key: string, sequence: number): void {
    for (const [prefix, waiters] of this.#waiting) if (key.startsWith(prefix)) for (const wake of [...waiters]) wake(sequence)
  }

  stopAll(): void {
    for (const waiters of [...this.#waiting.values()]) for (const wake of [...waiters]) wake(undefined)
  }
}
