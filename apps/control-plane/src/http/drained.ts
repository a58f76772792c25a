import { once } from 'node:events'
import type { Writable } from 'node:stream'
import type { Clock } from '@bramble/reconcile/env'

/** A reader that takes nothing for this long is given up. */
export const STALL_MS_MAX = 30_000

/** After a `write` that said false: waits until the slow client has taken it. False when `signal` aborted or the client took nothing for too long. */
export async function drained(stream: Writable, clock: Clock, signal: AbortSignal): Promise<boolean> {
  const done = new AbortController()
  const ending = AbortSignal.any([done.signal, signal])
  const taken = once(stream, 'drain', { signal: ending }).then(
    () => true,
    () => false,
  )
  try {
    return await Promise.race([taken, clock.sleep(STALL_MS_MAX, ending).then(() => false)])
  } finally {
    done.abort()
  }
}
