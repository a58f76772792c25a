import { serviceUnavailable, tooManyRequests } from '@bramble/api/status-error'

/** Each costs a connection to a node, buffers on both, and for SPDY an inflater. */
const STREAMS_MAX = 500
const STREAMS_PER_USER_MAX = 200

/** Who has how many streams into pods and nodes open: exec, attach, port-forward, proxied requests. */
export class StreamSlots {
  readonly #counts = new Map<string, number>()
  #total = 0

  /**
   * @returns Call it when the stream is over; once counts, more do no harm.
   * @throws StatusError 429 when this user has as many as one may, 503 when all together do.
   */
  take(userName: string): () => void {
    const count = this.#counts.get(userName) ?? 0
    if (count >= STREAMS_PER_USER_MAX)
      throw tooManyRequests(`${count} streams of user ${JSON.stringify(userName)} are open, and there can be no more at once`, 1)
    if (this.#total >= STREAMS_MAX) throw serviceUnavailable(`${this.#total} streams are open, and there can be no more at once`)
    this.#counts.set(userName, count + 1)
    this.#total++
    let isOpen = true
    return () => {
      if (!isOpen) return
      isOpen = false
      this.#total--
      const left = this.#counts.get(userName)! - 1
      if (left > 0) this.#counts.set(userName, left)
      else this.#counts.delete(userName)
    }
  }
}
