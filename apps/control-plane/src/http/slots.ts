import { serviceUnavailable, tooManyRequests } from '@bramble/api/status-error'

export interface SlotLimits {
  /** Of all holders together. */
  readonly max: number
  readonly maxPerHolder: number
  /** How the error names a holder, e.g. `user "jane"`. */
  readonly holder: (name: string) => string
  /** What is held, and how: `streams` that are `open`. */
  readonly what: string
  readonly state: string
  readonly retryAfterSeconds: number
}

/** Each stream into a pod or node costs a connection to a node, buffers on both, and for SPDY an inflater. */
export const STREAM_LIMITS: SlotLimits = {
  max: 500,
  maxPerHolder: 200,
  holder: (name) => `user ${JSON.stringify(name)}`,
  what: 'streams',
  state: 'open',
  retryAfterSeconds: 1,
}

/** Each download costs a file and a few buffers, and who downloads need not say who they are: an address stands for them. */
export const DOWNLOAD_LIMITS: SlotLimits = {
  max: 32,
  maxPerHolder: 8,
  holder: (address) => address,
  what: 'downloads',
  state: 'under way',
  retryAfterSeconds: 5,
}

/** Who has how many at once of something that is dear. */
export class Slots {
  readonly #limits: SlotLimits
  readonly #counts = new Map<string, number>()
  #total = 0

  constructor(limits: SlotLimits) {
    this.#limits = limits
  }

  /**
   * @returns Call it when it is over; once counts, more do no harm.
   * @throws StatusError 429 when this holder has as many as one may, 503 when all together do.
   */
  take(name: string): () => void {
    const { max, maxPerHolder, holder, what, state, retryAfterSeconds } = this.#limits
    const count = this.#counts.get(name) ?? 0
    if (count >= maxPerHolder)
      throw tooManyRequests(`${count} ${what} of ${holder(name)} are ${state}, and there can be no more at once`, retryAfterSeconds)
    if (this.#total >= max) throw serviceUnavailable(`${this.#total} ${what} are ${state}, and there can be no more at once`)
    this.#counts.set(name, count + 1)
    this.#total++
    let isOpen = true
    return () => {
      if (!isOpen) return
      isOpen = false
      this.#total--
      const left = this.#counts.get(name)! - 1
      if (left > 0) this.#counts.set(name, left)
      else this.#counts.delete(name)
    }
  }
}
