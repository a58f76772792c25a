import type { Clock, Log } from './env.ts'
import { type Reconciler, TerminalError } from './reconciler.ts'
import { Signal } from './signal.ts'

const BACKOFF_MIN_MS = 10
const BACKOFF_MAX_MS = 5 * 60_000

/**
 * Keys waiting for a reconciler. A key is in `waiting` at most once and never in two workers; `add` while it is
 * worked on runs it once more afterwards, however often it was added. Of several delayed adds the earliest counts.
 * Same guarantee as client-go util/workqueue (dirty set + processing set).
 */
export class WorkQueue<Key> {
  readonly #waiting = new Set<Key>() // insertion order is queue order
  readonly #working = new Set<Key>()
  readonly #dirty = new Set<Key>()
  readonly #failures = new Map<Key, number>()
  readonly #delayed = new Map<Key, { atMs: number; cancel: AbortController }>()
  readonly #change = new Signal()
  readonly #clock: Clock
  readonly #log: Log | undefined

  constructor(clock: Clock, log?: Log) {
    this.#clock = clock
    this.#log = log
  }

  /** Keys that wait or are worked on; delayed ones do not count. */
  get busy(): number {
    return this.#waiting.size + this.#working.size
  }

  add(key: Key): void {
    if (this.#working.has(key)) this.#dirty.add(key)
    else this.#waiting.add(key)
    this.#change.notify()
  }

  /** Adds the key after `delayMs` unless an earlier delayed add of it is pending. */
  addAfter(key: Key, delayMs: number): void {
    if (delayMs <= 0) return this.add(key)
    const atMs = this.#clock.monotonicMs() + delayMs
    const pending = this.#delayed.get(key)
    if (pending && pending.atMs <= atMs) return
    pending?.cancel.abort()
    const entry = { atMs, cancel: new AbortController() }
    this.#delayed.set(key, entry)
    void this.#clock.sleep(delayMs, entry.cancel.signal).then(() => {
      if (this.#delayed.get(key) !== entry) return
      this.#delayed.delete(key)
      this.add(key)
    })
  }

  /** Works until `signal` aborts; delayed keys are dropped then. Resolves when the last worker is done. */
  async run(reconciler: Reconciler<Key>, options: { readonly concurrency: number; readonly signal: AbortSignal }): Promise<void> {
    const worker = async (): Promise<void> => {
      while (!options.signal.aborted) {
        const [key] = this.#waiting
        if (key === undefined) {
          await this.#change.wait(options.signal) // no await since the check above, so no wake-up can be lost
          continue
        }
        this.#waiting.delete(key)
        this.#working.add(key)
        await this.#attempt(key, reconciler, options.signal)
        this.#working.delete(key)
        if (this.#dirty.delete(key)) this.add(key)
      }
    }
    await Promise.all(Array.from({ length: options.concurrency }, worker))
    for (const { cancel } of this.#delayed.values()) cancel.abort()
    this.#delayed.clear()
  }

  async #attempt(key: Key, reconciler: Reconciler<Key>, signal: AbortSignal): Promise<void> {
    try {
      const outcome = await reconciler.reconcile(key, signal)
      this.#failures.delete(key)
      if ('againInMs' in outcome) this.addAfter(key, outcome.againInMs)
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof TerminalError) {
        this.#failures.delete(key)
        this.#log?.warn('gave up until it changes', { key, error })
        return
      }
      const failures = (this.#failures.get(key) ?? 0) + 1
      this.#failures.set(key, failures)
      if (failures > 3) this.#log?.warn('failed, will retry', { key, failures, error })
      this.addAfter(key, Math.min(BACKOFF_MIN_MS * 2 ** (failures - 1), BACKOFF_MAX_MS))
    }
  }
}
