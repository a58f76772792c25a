import { systemClock } from '@bramble/reconcile/env'

export interface WaitOptions {
  /** Default 30 000. */
  readonly limitMs?: number
  /** Default 150. */
  readonly lookAgainMs?: number
  /** Shows the state of things when the wait was in vain. */
  readonly explain?: () => Promise<string>
}

const LOOK_AGAIN_MS = 150

/** Looks again and again until `good` is neither undefined nor false; an error that it throws means "not yet". */
export async function waitFor<T>(
  what: string,
  good: () => Promise<T | undefined | false>,
  { limitMs = 30_000, lookAgainMs = LOOK_AGAIN_MS, explain }: WaitOptions = {},
): Promise<T> {
  const startMs = systemClock.monotonicMs()
  for (;;) {
    let last: unknown
    try {
      const answer = await good()
      if (answer !== undefined && answer !== false) return answer
    } catch (error) {
      last = error
    }
    if (systemClock.monotonicMs() - startMs > limitMs)
      throw new Error(
        `waited ${limitMs} ms for ${what}${last === undefined ? '' : `; last: ${(last as Error).message}`}\n${(await explain?.()) ?? ''}`,
        { cause: last },
      )
    await systemClock.sleep(lookAgainMs)
  }
}
