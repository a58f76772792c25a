import { Duplex } from 'node:stream'
import { RESET } from './frames.ts'
import type { SpdyHeaders } from './header-block.ts'

/** What a stream asks of its session. */
export interface StreamPort {
  /** `done` comes when there is room for more; with an error when the session is over. */
  send(bytes: Buffer, fin: boolean, done: (error?: Error | null) => void): void
  /** Bytes (with what keeping them costs) that the session holds for the reader, more or fewer. */
  held(change: number): void
  reset(status: number): void
  /** Both directions are over. */
  gone(): void
}

const HOLD_BYTES = 16 * 1024
/** What a held piece costs beside its bytes. */
const PIECE_BYTES = 128

/**
 * One stream of a session. `end()` closes this direction only; destroying it before both are over resets it. What arrives beyond a
 * small buffer is held by the session, which then stops to read: a reader that is slow makes the peer slow.
 */
export class SpdyStream extends Duplex {
  readonly id: number
  readonly headers: SpdyHeaders
  /** Resolves when the peer says nothing more on this stream: it has ended it, reset it, or the session is over. */
  readonly inputEnded: Promise<void>
  readonly #port: StreamPort
  readonly #endInput: () => void
  readonly #held: Buffer[] = []
  #wanted = false
  #inputOver = false
  #outputOver = false
  #givenUp = false
  #resetBy: 'peer' | 'session' | undefined

  constructor(id: number, headers: SpdyHeaders, port: StreamPort, directions: { readonly input: boolean; readonly output: boolean }) {
    super({ highWaterMark: HOLD_BYTES })
    this.id = id
    this.headers = headers
    this.#port = port
    const { promise, resolve } = Promise.withResolvers<void>()
    this.inputEnded = promise
    this.#endInput = resolve
    this.on('error', () => {}) // who uses the stream may listen; nobody must
    if (!directions.input) this.receiveEnd()
    if (!directions.output) {
      this.#outputOver = true
      this.end()
    }
  }

  /** Its input ended because the peer gave the stream up, or went away, rather than ended it. */
  get cutOff(): boolean {
    return this.#resetBy !== undefined
  }

  /** It was destroyed here before both directions were over. */
  get givenUp(): boolean {
    return this.#givenUp
  }

  /** For the session: bytes that came. */
  receive(bytes: Buffer): void {
    if (this.#inputOver || this.destroyed || bytes.length === 0) return
    if (this.#wanted) {
      this.#wanted = this.push(bytes)
      return
    }
    this.#held.push(bytes)
    this.#port.held(bytes.length + PIECE_BYTES)
  }

  /** For the session: the peer says nothing more. */
  receiveEnd(): void {
    if (this.#inputOver) return
    this.#inputOver = true
    this.#endInput()
    this.#handOn()
    this.#leaveWhenOver()
  }

  /** For the session: the peer gave the stream up, or the session is over. What has come can still be read, writing fails. */
  receiveReset(by: 'peer' | 'session'): void {
    this.#resetBy ??= by
    this.#outputOver = true
    this.receiveEnd()
    this.#leaveWhenOver()
  }

  override _read(): void {
    this.#wanted = true
    this.#handOn()
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#outputOver) done(this.#closedError())
    else this.#port.send(bytes, false, done)
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#outputOver) return done()
    this.#outputOver = true
    this.#port.send(Buffer.alloc(0), true, (error) => {
      done(error)
      this.#leaveWhenOver()
    })
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#givenUp = !this.#inputOver || !this.#outputOver
    this.#inputOver = true
    this.#outputOver = true
    this.#dropHeld()
    this.#endInput()
    if (this.#givenUp) this.#port.reset(RESET.cancel)
    this.#port.gone()
    done(error)
  }

  #handOn(): void {
    while (this.#wanted && this.#held.length > 0) {
      const bytes = this.#held.shift()!
      this.#port.held(-bytes.length - PIECE_BYTES)
      this.#wanted = this.push(bytes)
    }
    if (this.#inputOver && this.#held.length === 0 && !this.destroyed) this.push(null)
  }

  #dropHeld(): void {
    for (const bytes of this.#held.splice(0)) this.#port.held(-bytes.length - PIECE_BYTES)
  }

  #leaveWhenOver(): void {
    if (this.#inputOver && this.#outputOver) this.#port.gone()
  }

  #closedError(): Error {
    return new Error(this.#resetBy === 'peer' ? 'the peer has given up the stream' : 'the session is over')
  }
}
