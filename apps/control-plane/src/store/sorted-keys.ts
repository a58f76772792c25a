/** The keys of an index in order (UTF-16 code units, like `<`), for listing by prefix. */
export class SortedKeys {
  #keys: string[] = []

  /** Replaces everything. */
  load(keys: Iterable<string>): void {
    this.#keys = [...keys].sort()
  }

  add(key: string): void {
    const at = this.#lowerBound(key)
    if (this.#keys[at] !== key) this.#keys.splice(at, 0, key)
  }

  remove(key: string): void {
    const at = this.#lowerBound(key)
    if (this.#keys[at] === key) this.#keys.splice(at, 1)
  }

  withPrefix(prefix: string): readonly string[] {
    return this.#keys.slice(this.#lowerBound(prefix), this.#endOf(prefix))
  }

  count(prefix: string): number {
    return this.#endOf(prefix) - this.#lowerBound(prefix)
  }

  /** No key holds U+FFFF, so this is past every key with the prefix. */
  #endOf(prefix: string): number {
    return this.#lowerBound(`${prefix}\uffff`)
  }

  #lowerBound(key: string): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#keys[middle]! < key) low = middle + 1
      else high = middle
    }
    return low
  }
}
