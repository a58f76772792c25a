/**
 * "Something changed": waiters wake once, then look for themselves.
 * A notify with nobody waiting is forgotten, so check your state, then wait, with no `await` between.
 */
export class Signal {
  #waiters: (() => void)[] = []

  notify(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const wake of waiters) wake()
  }

  /** Resolves at the next notify, or at once when `signal` is or becomes aborted. */
  wait(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = (): void => {
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      this.#waiters.push(wake)
      signal?.addEventListener('abort', wake, { once: true })
    })
  }
}
