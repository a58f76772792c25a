/** What is done to one thing comes one after the other. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>()

  /** @throws what the work throws; the abort's reason when `signal` has aborted before its turn comes. */
  take<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const turn = (this.#last.get(key) ?? Promise.resolve()).then(() => {
      signal.throwIfAborted()
      return work()
    })
    const done = turn
      .then(
        () => {},
        () => {},
      )
      .then(() => {
        if (this.#last.get(key) === done) this.#last.delete(key)
      })
    this.#last.set(key, done)
    return turn
  }
}
