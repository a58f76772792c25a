import { randomBytes } from 'node:crypto'
import type { Clock } from '@bramble/reconcile/env'
import { CriProblem } from './problem.ts'

/** @see Source: kubelet pkg/cri/streaming, `cacheTTL`, `maxInFlight` and `tokenLen`. */
const TOKEN_MS = 60_000
const WAITING_MAX = 1_000
const TOKEN_BYTES = 24

/** Keys to what was asked for: good once, for a minute. */
export class StreamTokens<T> {
  readonly #clock: Clock
  readonly #waiting = new Map<string, { readonly what: T; readonly untilMs: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @throws CriProblem when too many wait. */
  add(what: T): string {
    const nowMs = this.#clock.monotonicMs()
    for (const [token, { untilMs }] of this.#waiting) {
      if (untilMs > nowMs) break // they are in the order of time
      this.#waiting.delete(token)
    }
    if (this.#waiting.size >= WAITING_MAX) throw new CriProblem('resourceExhausted', 'maximum number of in-flight requests exceeded')
    const token = randomBytes(TOKEN_BYTES).toString('base64url')
    this.#waiting.set(token, { what, untilMs: nowMs + TOKEN_MS })
    return token
  }

  /** undefined for one that is unknown, was used, or is too old. */
  take(token: string): T | undefined {
    const found = this.#waiting.get(token)
    this.#waiting.delete(token)
    return found && found.untilMs > this.#clock.monotonicMs() ? found.what : undefined
  }
}
