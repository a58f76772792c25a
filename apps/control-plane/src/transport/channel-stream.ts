import { Duplex } from 'node:stream'
import { Signal } from '@bramble/reconcile/signal'

const BUFFER_BYTES = 16 * 1024

export interface ChannelEnds {
  /** Bytes come from the node. */
  readonly readable: boolean
  /** Towards the node; resolves when there is room for more. Absent: nothing can be written. */
  readonly send?: (bytes: Uint8Array) => Promise<void>
  readonly sendEnd?: () => Promise<void>
  /** Somebody let go of it before its end. */
  readonly dropped: () => void
}

/**
 * One channel of a carried stream as a stream of Node. It may fail when nobody listens for errors: whoever reads learns of it by
 * reading, and the stream as a whole tells.
 */
export class ChannelStream extends Duplex {
  readonly #ends: ChannelEnds
  readonly #room = new Signal()
  #isFinished = false
  #isReleased = false

  constructor(ends: ChannelEnds) {
    const sides = { readable: ends.readable, writable: ends.send !== undefined } // the types do not know them
    super({ highWaterMark: BUFFER_BYTES, ...sides })
    this.#ends = ends
    this.on('error', () => {})
  }

  /** Hands on what the node sent. Resolves when the reader has room for more, or `signal` aborts. */
  async receive(bytes: Buffer, signal: AbortSignal): Promise<void> {
    if (this.destroyed || bytes.length === 0) return
    if (!this.push(bytes)) await this.#room.wait(signal)
  }

  /** No more comes from the node; what was taken can still be read. */
  finish(): void {
    this.#isFinished = true
    if (!this.destroyed) this.push(null)
  }

  get isFinished(): boolean {
    return this.#isFinished
  }

  /** Over, with nobody to be told. */
  release(error?: Error): void {
    this.#isReleased = true
    this.destroy(error)
  }

  override _read(): void {
    this.#room.notify()
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: () => void): void {
    void this.#ends.send!(bytes).then(done)
  }

  override _final(done: () => void): void {
    void (this.#ends.sendEnd?.() ?? Promise.resolve()).then(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#room.notify()
    const isWhole = (!this.#ends.readable || this.readableEnded) && (!this.#ends.send || this.writableFinished)
    if (!isWhole && !this.#isReleased) this.#ends.dropped()
    done(error)
  }
}
