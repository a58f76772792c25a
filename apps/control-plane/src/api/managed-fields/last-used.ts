/** Remembers the values that were last asked for; those that nobody asked for longest are forgotten first. */
export class LastUsed<Key, Value> {
  readonly #values = new Map<Key, Value>()
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  get(key: Key): Value | undefined {
    const value = this.#values.get(key)
    if (value !== undefined) this.#put(key, value)
    return value
  }

  set(key: Key, value: Value): void {
    this.#put(key, value)
    if (this.#values.size > this.#max) this.#values.delete(this.#values.keys().next().value!)
  }

  #put(key: Key, value: Value): void {
    this.#values.delete(key)
    this.#values.set(key, value)
  }
}
