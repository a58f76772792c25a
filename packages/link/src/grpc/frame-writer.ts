import type { Channel } from './stream.ts'

/** The protocol allows 64 KiB. Less is sent, because the gRPC library of the other side takes in 16 messages that nobody has asked for. */
export const CHUNK_BYTES_MAX = 64 * 1024
const SEND_BYTES = 16 * 1024

/** What both ends may say of a channel. */
type ChannelFrame = {
  readonly frame?:
    | { readonly $case: 'chunk'; readonly value: { readonly channel: Channel; readonly data: Buffer } }
    | { readonly $case: 'closed'; readonly value: { readonly channel: Channel } }
}

/** A call, as far as it is written to. */
interface FrameSink<Frame> {
  write(frame: Frame, sent: () => void): boolean
}

/** The writing half of a call: who awaits each write has no more than one frame under way. */
export class FrameWriter<Frame extends object> {
  readonly #call: FrameSink<Frame | ChannelFrame>
  readonly #signal: AbortSignal

  /** @param signal Aborts when the call has ended. */
  constructor(call: FrameSink<Frame>, signal: AbortSignal) {
    this.#call = call as FrameSink<Frame | ChannelFrame>
    this.#signal = signal
  }

  /** Resolves when HTTP/2 has taken the frame, or when the call has ended. Never rejects. */
  write(frame: Frame | ChannelFrame): Promise<void> {
    if (this.#signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const done = (): void => {
        this.#signal.removeEventListener('abort', done)
        resolve()
      }
      this.#signal.addEventListener('abort', done, { once: true })
      this.#call.write(frame, done)
    })
  }

  /** Bytes of a channel, in as many frames as they need. */
  async bytes(channel: Channel, bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#signal.aborted; at += SEND_BYTES) {
      const { buffer, byteOffset, length } = bytes.subarray(at, at + SEND_BYTES)
      await this.write({ frame: { $case: 'chunk', value: { channel, data: Buffer.from(buffer, byteOffset, length) } } })
    }
  }

  /** No more bytes of this channel. */
  close(channel: Channel): Promise<void> {
    return this.write({ frame: { $case: 'closed', value: { channel } } })
  }
}
