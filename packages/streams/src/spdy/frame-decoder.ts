import { checkVersion, type Frame, parseControl } from './frames.ts'
import { SpdyError } from './spdy-error.ts'

const HEAD_BYTES = 8
const CONTROL_BYTES_MAX = 64 * 1024

/**
 * Bytes to frames, however the bytes are cut. Data is handed on as it comes, in pieces of a frame (the last has its `fin`), so that no
 * frame is ever held; a control frame is held until it is whole.
 */
export class FrameDecoder {
  readonly #head = Buffer.alloc(HEAD_BYTES)
  #headBytes = 0
  #dataLeft = 0
  #control: { readonly body: Buffer; filled: number } | undefined;

  /** Read it to its end: what was not asked for is lost. @throws SpdyError at what is not SPDY/3.1; nothing can be read after it. */
  *push(bytes: Buffer): Generator<Frame> {
    let rest = bytes
    while (rest.length > 0) {
      if (this.#dataLeft > 0) {
        const piece = rest.subarray(0, this.#dataLeft)
        rest = rest.subarray(piece.length)
        this.#dataLeft -= piece.length
        yield this.#data(piece)
      } else if (this.#control) {
        const { body, filled } = this.#control
        const piece = rest.subarray(0, body.length - filled)
        body.set(piece, filled)
        rest = rest.subarray(piece.length)
        this.#control.filled += piece.length
        if (this.#control.filled === body.length) yield this.#whole(body)
      } else {
        const piece = rest.subarray(0, HEAD_BYTES - this.#headBytes)
        this.#head.set(piece, this.#headBytes)
        rest = rest.subarray(piece.length)
        this.#headBytes += piece.length
        if (this.#headBytes < HEAD_BYTES) return
        this.#headBytes = 0
        const empty = this.#begin()
        if (empty) yield empty
      }
    }
  }

  /** Between frames: an end of the bytes here cuts nothing off. */
  get settled(): boolean {
    return this.#headBytes === 0 && this.#dataLeft === 0 && !this.#control
  }

  #begin(): Frame | undefined {
    const length = this.#head.readUIntBE(5, 3)
    if ((this.#head[0]! & 0x80) === 0) {
      this.#dataLeft = length
      return length === 0 ? this.#data(Buffer.alloc(0)) : undefined
    }
    checkVersion(this.#head)
    if (length > CONTROL_BYTES_MAX) throw new SpdyError(`a control frame of ${length} bytes, at most ${CONTROL_BYTES_MAX}`)
    this.#control = { body: Buffer.alloc(length), filled: 0 }
    return length === 0 ? this.#whole(this.#control.body) : undefined
  }

  #whole(body: Buffer): Frame {
    this.#control = undefined
    return parseControl(this.#head, body)
  }

  #data(bytes: Buffer): Frame {
    const streamId = this.#head.readUInt32BE(0)
    return { type: 'data', streamId, bytes, fin: (this.#head[4]! & 1) !== 0 && this.#dataLeft === 0 }
  }
}
