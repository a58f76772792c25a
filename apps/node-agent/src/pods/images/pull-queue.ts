import type { Clock } from '@bramble/reconcile/env'
import { type ImageService, type ImageState, type RegistryLogin, RuntimeError } from '../../runtime/runtime.ts'
import { goDuration } from './go-duration.ts'
import { loginMark } from './pull-records.ts'

export interface PullQueueParts {
  readonly images: Pick<ImageService, 'pullImage'>
  readonly clock: Clock
  /** More would only be slower on a small board. */
  readonly parallelMax: number
  /** A registry that sends nothing for so long is given up. */
  readonly stallMs: number
  /** Differs from its last value when bytes of a pull were fetched or unpacked since; undefined: nobody can tell. */
  readonly activity: () => Promise<string | undefined>
}

export interface Pulled {
  readonly image: ImageState
  /** From its turn to its end, without the wait before. */
  readonly tookMs: number
}

/** However slowly something arrives. Layers that are here by then need not come again. */
const PULL_MS_MAX = 60 * 60_000
const LOOKS_PER_STALL = 8
const LOOK_MS_MIN = 1_000

/** A bounded number of pulls at a time, in the order in which they were wanted; one for all that want the same with the same logins. */
export class PullQueue {
  readonly #parts: PullQueueParts
  readonly #running = new Map<string, Promise<Pulled>>()
  readonly #waiting: (() => void)[] = []
  #slots: number

  constructor(parts: PullQueueParts) {
    this.#parts = parts
    this.#slots = parts.parallelMax
  }

  /** @throws RuntimeError with the registry's words, or ours when it went silent; the reason of `signal` when that aborts. */
  pull(reference: string, logins: readonly RegistryLogin[], signal: AbortSignal): Promise<Pulled> {
    const key = [reference, ...logins.map((login) => loginMark(login, ''))].join('\n')
    const running = this.#running.get(key)
    if (running) return running
    const pull = this.#inTurn(reference, logins, signal).finally(() => this.#running.delete(key))
    this.#running.set(key, pull)
    return pull
  }

  async #inTurn(reference: string, logins: readonly RegistryLogin[], signal: AbortSignal): Promise<Pulled> {
    if (this.#slots === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#slots--
    try {
      signal.throwIfAborted()
      const startedMs = this.#parts.clock.monotonicMs()
      const image = await this.#watched(reference, logins, signal)
      return { image, tookMs: this.#parts.clock.monotonicMs() - startedMs }
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#slots++
    }
  }

  async #watched(reference: string, logins: readonly RegistryLogin[], signal: AbortSignal): Promise<ImageState> {
    const { images } = this.#parts
    const stop = new AbortController()
    const until = AbortSignal.any([signal, stop.signal])
    const givenUp = this.#silence(reference, until)
    givenUp.catch(() => {}) // when the pull ended before
    try {
      return await Promise.race([images.pullImage(reference, logins, until), givenUp])
    } finally {
      stop.abort()
    }
  }

  /** Never resolves; @throws when nothing has arrived for too long, or when `signal` aborts. */
  async #silence(reference: string, signal: AbortSignal): Promise<never> {
    const { clock, stallMs, activity } = this.#parts
    const startedMs = clock.monotonicMs()
    let last: string | undefined
    let lastMs = startedMs
    for (;;) {
      await clock.sleep(Math.max(LOOK_MS_MIN, stallMs / LOOKS_PER_STALL), signal)
      signal.throwIfAborted()
      const now = await activity().catch(() => undefined)
      const nowMs = clock.monotonicMs()
      if (now === undefined || now !== last) [last, lastMs] = [now, nowMs]
      if (nowMs - lastMs >= stallMs)
        throw new RuntimeError(
          'ErrImagePull',
          `pulling image "${reference}": the registry sent nothing for ${goDuration(stallMs)}; given up`,
        )
      if (nowMs - startedMs >= PULL_MS_MAX)
        throw new RuntimeError('ErrImagePull', `pulling image "${reference}": not done after ${goDuration(PULL_MS_MAX)}; given up`)
    }
  }
}
