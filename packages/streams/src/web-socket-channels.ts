import { Readable, Writable } from 'node:stream'
import type { Clock } from '@bramble/reconcile/env'
import type { WebSocket } from 'ws'
import { type ChannelCodec, channelCodec } from './channel-codec.ts'

const PING_MS = 30_000
/** For the answer to our close message. */
const CLOSE_MS = 5000
// Source: RFC 6455 7.4.1.
const NORMAL_CLOSURE = 1000

/**
 * Several streams over one WebSocket. When the reader of one is slow, the client as a whole has to wait; nothing is read ahead for it.
 * @see Source: apimachinery pkg/util/httpstream/wsstream.
 */
export class WebSocketChannels {
  /** Aborts when the client is gone. */
  readonly gone: AbortSignal
  readonly #socket: WebSocket
  readonly #codec: ChannelCodec
  readonly #clock: Clock
  readonly #gone = new AbortController()
  readonly #inputs = new Map<number, Readable>()
  readonly #listeners = new Map<number, (bytes: Buffer) => void>()
  /** Inputs without room for more. */
  readonly #full = new Set<number>()

  /** @param protocol Its name says how channels are written. */
  constructor(socket: WebSocket, protocol: string, clock: Clock) {
    this.#socket = socket
    this.#codec = channelCodec(protocol)
    this.#clock = clock
    this.gone = this.#gone.signal
    socket.on('error', () => {}) // the client broke the protocol: the library closes with the code for it
    socket.once('close', () => {
      this.#gone.abort()
      for (const input of this.#inputs.values()) input.destroy()
    })
    socket.on('message', (data) => {
      const message = this.#codec.decode(data as Buffer)
      if (!message) return
      this.#listeners.get(message.channel)?.(message.bytes)
      if (message.bytes.length > 0) this.#pushInput(message.channel, message.bytes)
    })
    void this.#keepAlive()
  }

  /** What the client says on a channel. Once it is destroyed, that is thrown away. */
  input(channel: number): Readable {
    const hear = (): void => {
      this.#full.delete(channel)
      if (this.#full.size === 0) this.#socket.resume()
    }
    const input = new Readable({ read: hear }).on('close', hear).on('error', () => {})
    this.#inputs.set(channel, input)
    return input
  }

  endInput(channel: number): void {
    this.#pushInput(channel, null)
  }

  /** Each message of the client on a channel; for those that have no input. */
  listen(channel: number, take: (bytes: Buffer) => void): void {
    this.#listeners.set(channel, take)
  }

  output(channel: number): Writable {
    return new Writable({ write: (bytes: Buffer, _encoding, done) => this.send(channel, bytes, done) }).on('error', () => {})
  }

  /** @param done When the client's connection has taken it, or with why it never will. */
  send(channel: number, bytes: Buffer, done: (error?: Error) => void = () => {}): void {
    this.#socket.send(this.#codec.encode(channel, bytes), done)
  }

  /** Closes after all that was sent. Resolves when the connection is over. */
  async close(): Promise<void> {
    for (const input of this.#inputs.values()) input.destroy() // or the answer to our close may not be read
    this.#socket.close(NORMAL_CLOSURE)
    await this.#clock.sleep(CLOSE_MS, this.gone)
    this.destroy()
  }

  /** At once. */
  destroy(): void {
    this.#socket.terminate()
  }

  #pushInput(channel: number, bytes: Buffer | null): void {
    const input = this.#inputs.get(channel)
    if (!input || input.destroyed || input.readableEnded) return
    if (input.push(bytes) || bytes === null) return
    this.#full.add(channel)
    this.#socket.pause()
  }

  /** Only speaks: a client that is stopped, say by a pager, answers nothing for long, and is there all the same. */
  async #keepAlive(): Promise<void> {
    for (;;) {
      await this.#clock.sleep(PING_MS, this.gone)
      if (this.gone.aborted) return
      if (this.#socket.bufferedAmount === 0) this.#socket.ping()
    }
  }
}
