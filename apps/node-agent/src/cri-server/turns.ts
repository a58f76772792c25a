/** Work on one thing, one after the other; on different things at once. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>()

  async take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key)
    const own = (async () => {
      await before?.catch(() => {})
      return work()
    })()
    const settled = own.catch(() => {})
    this.#last.set(key, settled)
    try {
      return await own
    } finally {
      if (this.#last.get(key) === settled) this.#last.delete(key)
    }
  }
}
