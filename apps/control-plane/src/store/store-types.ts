import type { Entry, Revision, Write } from './backend/backend.ts'

// What the Store promises to the API machine. `store.ts` holds the class.

export interface Listing {
  readonly entries: readonly Entry[]
  /** The snapshot that was listed. */
  readonly revision: Revision
  /** Entries after the last one returned; 0 at the end. */
  readonly remaining: number
}

export interface StoreEvent {
  readonly type: 'put' | 'delete'
  readonly key: string
  readonly revision: Revision
  /** The new entry of a put; the last entry before a delete, its resourceVersion already that of the deletion. */
  readonly entry: Entry
  /** What stood there before; absent when the put created it. */
  readonly previous?: Entry
}

export interface StoreReader {
  /**
   * The next event; undefined: everything under the prefix up to the store's newest revision has been read.
   * @throws Expired when it fell more than a bounded number of events behind.
   */
  read(): StoreEvent | undefined
  /** Closed, by its owner or with the store. */
  readonly ended: boolean
  close(): void
}

export interface Page {
  readonly limit: number
  /** List after this key. */
  readonly after?: string
  /** Of this snapshot. */
  readonly at?: Revision
}

/**
 * MVCC, compare-and-swap, paging and watch exist once. Reads are synchronous, from RAM.
 * Keys: `/<group or core>/<plural>/<namespace>/<name>`, cluster-scoped without the namespace; see `keys.ts`.
 */
export interface StoreReads {
  readonly revision: Revision
  get(key: string): Entry | undefined
  /** In key order. @throws Expired when `at` is older than the history. */
  list(prefix: string, page?: Page): Listing
  /**
   * Events after revision `after`, in order, none missing. Ends when `signal` aborts.
   * @throws Expired when `after` is older than the history, or the reader fell more than a bounded number of events behind.
   */
  watch(prefix: string, after: Revision, signal: AbortSignal): AsyncIterable<StoreEvent>
  /**
   * The same without waiting: a place in the history to read on from. `wake` is called each time that there is something to read
   * again after `read` had nothing, and when the store closes; it must be quick and must not throw.
   * @throws Expired when `after` is older than the history.
   */
  reader(prefix: string, after: Revision, wake: () => void): StoreReader
  /**
   * Calls `listener` with every event, in the instant it becomes visible to reads: for indexes that must never lag
   * behind. A listener must be quick and must not throw; it stays for the store's life.
   */
  onChange(listener: (event: StoreEvent) => void): void
  /** Reads after it see every commit made anywhere before it. */
  barrier(): Promise<Revision>
}

export interface StoreWrites {
  /**
   * All or none; durable and visible to reads here when it resolves. Volatile keys never reach the backend.
   * @throws StoreConflict when an `expect` does not hold; StorageError when the disk said no.
   */
  commit(writes: readonly Write[]): Promise<Revision>
}
export type StoreLike = StoreReads & StoreWrites

export class Expired extends Error {
  override name = 'Expired'
}

export class StoreConflict extends Error {
  override name = 'StoreConflict'
  readonly key: string
  /** What is there now. */
  readonly actual: Revision | 'absent'
  constructor(key: string, actual: Revision | 'absent') {
    super(`${key} is at ${actual}`)
    this.key = key
    this.actual = actual
  }
}
