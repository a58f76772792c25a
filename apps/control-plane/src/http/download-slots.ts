import { serviceUnavailable, tooManyRequests } from '@bramble/api/status-error'

/** Each costs a file and a few buffers. */
const DOWNLOADS_MAX = 32
const DOWNLOADS_PER_ADDRESS_MAX = 8
const RETRY_AFTER_SECONDS = 5

/** How many downloads there are at once, of all and of one address: those who download need not say who they are. */
export class DownloadSlots {
  readonly #counts = new Map<string, number>()
  #total = 0

  /**
   * @returns Call it when the download is over; once counts, more do no harm.
   * @throws StatusError 429 when this address has as many as one may, 503 when all together do.
   */
  take(address: string): () => void {
    const count = this.#counts.get(address) ?? 0
    if (count >= DOWNLOADS_PER_ADDRESS_MAX) throw tooManyRequests(`${count} downloads of ${address} are under way`, RETRY_AFTER_SECONDS)
    if (this.#total >= DOWNLOADS_MAX) throw serviceUnavailable(`${this.#total} downloads are under way, and there can be no more at once`)
    this.#counts.set(address, count + 1)
    this.#total++
    let isOpen = true
    return () => {
      if (!isOpen) return
      isOpen = false
      this.#total--
      const left = this.#counts.get(address)! - 1
      if (left > 0) this.#counts.set(address, left)
      else this.#counts.delete(address)
    }
  }
}
