/** The last few values that were made, by object and name, so that many who want the same at the same time cost one making. */
export class Recent<T> {
  readonly #byObject = new Map<object, Map<string, T>>()
  readonly #max: number

  /** @param max Objects that are remembered; the oldest is forgotten first. */
  constructor(max: number) {
    this.#max = max
  }

  get(object: object, name: string, make: () => T): T {
    let values = this.#byObject.get(object)
    const known = values?.get(name)
    if (known !== undefined) return known
    const made = make()
    if (!values) {
      values = new Map()
      this.#byObject.set(object, values)
      if (this.#byObject.size > this.#max) this.#byObject.delete(this.#byObject.keys().next().value!)
    }
    values.set(name, made)
    return made
  }

  clear(): void {
    this.#byObject.clear()
  }
}
