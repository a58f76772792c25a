import { Signal } from '@bramble/reconcile/signal'
import { WINDOW } from './protocol.ts'

/** How many items are read between two acknowledgements while more are waiting. */
const ACK_EVERY = 32

/** Puts numbered messages in order, hands each out once, and says how far its one reader has come. */
export class Inbox<T> implements AsyncIterable<T> {
  /** Highest number with no gap before it. */
  #complete = 0
  #read = 0
  #acknowledged = 0
  readonly #items = new Map<number, T>()
  readonly #change = new Signal()
  readonly #acknowledge: (through: number) => void
  readonly #ended: AbortSignal

  constructor(acknowledge: (through: number) => void, ended: AbortSignal) {
    this.#acknowledge = acknowledge
    this.#ended = ended
  }

  accept(number: number, item: T): void {
    if (number <= this.#read) return this.#acknowledgeRead() // a repeat: our acknowledgement was lost
    if (number > this.#read + WINDOW || this.#items.has(number)) return
    this.#items.set(number, item)
    while (this.#items.has(this.#complete + 1)) this.#complete++
    this.#change.notify()
  }

  async *[Symbol.asyncIterator](): AsyncIterator<T> {
    while (!this.#ended.aborted) {
      if (this.#read === this.#complete) {
        await this.#change.wait(this.#ended)
        continue
      }
      const item = this.#items.get(++this.#read)!
      this.#items.delete(this.#read)
      if (this.#read === this.#complete || this.#read - this.#acknowledged >= ACK_EVERY) this.#acknowledgeRead()
      yield item
    }
  }

  #acknowledgeRead(): void {
    this.#acknowledged = this.#read
    this.#acknowledge(this.#read)
  }
}
