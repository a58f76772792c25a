import type { Clock } from '@bramble/reconcile/env'

/**
 * The result of `work`, which is told to stop when the time is over or `signal` aborts; it is not waited for then.
 *
 * @throws what `work` throws; an Error that names `what` when the time is over; the signal's reason when it aborts.
 */
export async function within<T>(
  clock: Clock,
  limitMs: number,
  what: string,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted()
  const stop = new AbortController()
  const over = clock.sleep(limitMs, AbortSignal.any([signal, stop.signal])).then((): never => {
    signal.throwIfAborted()
    throw new Error(`${what} did not end within ${limitMs} ms`)
  })
  over.catch(() => {}) // when nobody races any more
  try {
    return await Promise.race([work(AbortSignal.any([signal, stop.signal])), over])
  } finally {
    stop.abort()
  }
}
