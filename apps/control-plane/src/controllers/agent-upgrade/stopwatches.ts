/** How long things have been so without a break, as far as this process has seen. */
export class Stopwatches {
  readonly #startedMs = new Map<string, number>()

  /** @param nowMs Monotonic. @returns Milliseconds since `runs` was first true for this key; 0 while it is not. */
  read(key: string, runs: boolean, nowMs: number): number {
    if (!runs) {
      this.#startedMs.delete(key)
      return 0
    }
    const startedMs = this.#startedMs.get(key) ?? nowMs
    this.#startedMs.set(key, startedMs)
    return nowMs - startedMs
  }

  /** Forgets what is not among these. */
  keep(keys: ReadonlySet<string>): void {
    for (const key of this.#startedMs.keys()) if (!keys.has(key)) this.#startedMs.delete(key)
  }
}
