import type { Entry, Revision } from './backend/backend.ts'
import { Expired, type StoreEvent } from './store-types.ts'

/**
 * The newest events, a bounded number of them. Each has a sequence number; readers keep the number they read next, so a
 * slow reader costs no memory: it finds out that it fell behind when its number is gone.
 */
export class History {
  readonly #ring: StoreEvent[] = []
  readonly #max: number
  #end = 0
  #oldest: Revision

  /** @param oldest The snapshot that stands before the first event. */
  constructor(max: number, oldest: Revision) {
    this.#max = max
    this.#oldest = oldest
  }

  /** Sequence number that the next event gets. */
  get end(): number {
    return this.#end
  }

  /** How many events it holds. */
  get length(): number {
    return this.#end - this.#first()
  }

  push(event: StoreEvent): void {
    const slot = this.#end % this.#max
    if (this.#end >= this.#max) this.#oldest = this.#ring[slot]!.revision
    this.#ring[slot] = event
    this.#end++
  }

  /** @throws Expired when that event is forgotten. */
  at(sequence: number): StoreEvent {
    if (sequence < this.#first()) throw new Expired(`the reader fell more than ${this.#max} events behind`)
    return this.#ring[sequence % this.#max]!
  }

  /**
   * Sequence number of the first event after `revision`.
   * @throws Expired when one of those is forgotten.
   */
  startAfter(revision: Revision): number {
    this.#check(revision)
    let low = this.#first()
    let high = this.#end
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (this.at(middle).revision <= revision) low = middle + 1
      else high = middle
    }
    return low
  }

  /**
   * What must be put in place of the newest state to see that of `revision`: undefined for keys that were not there.
   * @throws Expired
   */
  undo(prefix: string, revision: Revision): ReadonlyMap<string, Entry | undefined> {
    const before = new Map<string, Entry | undefined>()
    const start = this.startAfter(revision)
    for (let sequence = this.#end - 1; sequence >= start; sequence--) {
      const event = this.at(sequence)
      if (event.key.startsWith(prefix)) before.set(event.key, event.previous)
    }
    return before
  }

  #first(): number {
    return Math.max(0, this.#end - this.#max)
  }

  #check(revision: Revision): void {
    if (revision < this.#oldest) throw new Expired(`revision ${revision} is older than the history, which begins after ${this.#oldest}`)
  }
}
