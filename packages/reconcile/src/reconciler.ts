/** Settled until something wakes the key, or look again after a time. */
export type Outcome = { readonly settled: true } | { readonly againInMs: number }
export const SETTLED: Outcome = { settled: true }

/** Level-triggered: reads the world, makes one step towards the wish, may be repeated at any time. */
export interface Reconciler<Key> {
  /** @throws anything: the queue retries with back-off; TerminalError: not retried until the key is added again. */
  reconcile(key: Key, signal: AbortSignal): Promise<Outcome>
}

/** Retrying cannot help until the object changes: log it, record an Event, do not requeue. */
export class TerminalError extends Error {
  override name = 'TerminalError'
}
