import type { History } from './history.ts'
import type { StoreEvent, StoreReader } from './store-types.ts'

/** Everyone who reads the history on as it grows. A reader that has seen everything costs nothing until its prefix changes. */
export class Readers {
  readonly #history: History
  readonly #byPrefix = new Map<string, Set<Reader>>()

  constructor(history: History) {
    this.#history = history
  }

  /** @param sequence Of the first event to read. */
  open(prefix: string, sequence: number, wake: () => void): StoreReader {
    const readers = this.#byPrefix.get(prefix) ?? new Set()
    this.#byPrefix.set(prefix, readers)
    const reader = new Reader(this.#history, prefix, sequence, wake, () => {
      readers.delete(reader)
      if (readers.size === 0 && this.#byPrefix.get(prefix) === readers) this.#byPrefix.delete(prefix)
    })
    readers.add(reader)
    return reader
  }

  announce(key: string, sequence: number): void {
    for (const [prefix, readers] of this.#byPrefix) if (key.startsWith(prefix)) for (const reader of readers) reader.announce(sequence)
  }

  endAll(): void {
    for (const readers of [...this.#byPrefix.values()]) for (const reader of [...readers]) reader.end()
  }
}

class Reader implements StoreReader {
  readonly #history: History
  readonly #prefix: string
  readonly #wake: () => void
  readonly #leave: () => void
  /** Undefined: it has seen everything under its prefix. */
  #next: number | undefined
  #ended = false

  constructor(history: History, prefix: string, next: number, wake: () => void, leave: () => void) {
    this.#history = history
    this.#prefix = prefix
    this.#next = next
    this.#wake = wake
    this.#leave = leave
  }

  get ended(): boolean {
    return this.#ended
  }

  read(): StoreEvent | undefined {
    while (this.#next !== undefined && !this.#ended) {
      if (this.#next === this.#history.end) this.#next = undefined
      else {
        const event = this.#history.at(this.#next++)
        if (event.key.startsWith(this.#prefix)) return event
      }
    }
    return undefined
  }

  announce(sequence: number): void {
    if (this.#next !== undefined) return
    this.#next = sequence
    this.#wake()
  }

  end(): void {
    this.close()
    this.#wake()
  }

  close(): void {
    this.#ended = true
    this.#leave()
  }
}
