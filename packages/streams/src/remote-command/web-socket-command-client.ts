import { Readable, Writable } from 'node:stream'
import type { Clock } from '@bramble/reconcile/env'
import type { RawData, WebSocket } from 'ws'
import type { Stdio, TerminalSize } from '../remote-process.ts'
import { type ChannelCodec, channelCodec } from '../channel-codec.ts'
import type { CommandClient, CommandEnd } from './command-client.ts'
import { ResizeReader } from './resize-reader.ts'

/** Source: apimachinery pkg/util/remotecommand, constants.go. */
const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const

export const WEB_SOCKET_PROTOCOLS = [
  ...['v5', 'v4', 'v3', 'v2'].map((version) => `${version}.channel.k8s.io`),
  'channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'base64.channel.k8s.io',
]

const PING_MS = 30_000
/** For the answer to our close message. */
const CLOSE_MS = 5000
// Source: RFC 6455 7.4.1.
const NORMAL_CLOSURE = 1000

/**
 * Messages of one channel each, the channel in their first byte. @see Source: apimachinery pkg/util/httpstream/wsstream; version 5 adds
 * the message that closes a channel.
 */
export class WebSocketCommandClient implements CommandClient {
  readonly gone: AbortSignal
  readonly stdin?: Readable
  readonly stdout?: Writable
  readonly stderr?: Writable
  readonly #socket: WebSocket
  readonly #codec: ChannelCodec
  readonly #version: number
  readonly #clock: Clock
  readonly #gone = new AbortController()
  readonly #sizes = new ResizeReader()
  #takeSize: (size: TerminalSize) => void = () => {}

  constructor(socket: WebSocket, protocol: string, stdio: Stdio, clock: Clock) {
    this.#socket = socket
    this.#codec = channelCodec(protocol)
    this.#version = Number(/^v([2-5])\./.exec(protocol)?.[1] ?? 1)
    this.#clock = clock
    this.gone = this.#gone.signal
    if (stdio.stdin) this.stdin = this.#input()
    if (stdio.stdout) this.stdout = this.#output(CHANNEL.stdout)
    if (stdio.stderr && !stdio.tty) this.stderr = this.#output(CHANNEL.stderr)
    socket.on('error', () => {}) // the client broke the protocol: the library closes with the code for it
    socket.once('close', () => {
      this.#gone.abort()
      this.stdin?.destroy()
    })
    socket.on('message', (data) => this.#receive(data))
    // nothing, on the first channel that it listens to: clients wait for it
    this.#send(stdio.stdout ? CHANNEL.stdout : this.stderr ? CHANNEL.stderr : CHANNEL.error, Buffer.alloc(0))
    void this.#keepAlive()
  }

  onResize(take: (size: TerminalSize) => void): void {
    this.#takeSize = take
  }

  async finish({ status, text }: CommandEnd): Promise<void> {
    const last = this.#version >= 4 ? status : text
    if (last !== '') this.#send(CHANNEL.error, Buffer.from(last))
    this.stdin?.destroy() // or the answer to our close may not be read
    this.#socket.close(NORMAL_CLOSURE)
    await this.#clock.sleep(CLOSE_MS, this.gone)
    this.destroy()
  }

  destroy(): void {
    this.#socket.terminate()
  }

  #receive(data: RawData): void {
    const message = this.#codec.decode(data as Buffer)
    if (!message) return
    const { channel, bytes } = message
    if (channel === CHANNEL.resize) this.#sizes.push(bytes).forEach(this.#takeSize)
    else if (channel === CHANNEL.close && this.#version >= 5 && bytes[0] === CHANNEL.stdin) this.#pushInput(null)
    else if (channel === CHANNEL.stdin && bytes.length > 0) this.#pushInput(bytes)
  }

  #pushInput(bytes: Buffer | null): void {
    if (!this.stdin || this.stdin.destroyed || this.stdin.readableEnded) return
    if (!this.stdin.push(bytes) && bytes !== null) this.#socket.pause()
  }

  /** The client is heard while there is room for what it types, and when nobody listens any more. */
  #input(): Readable {
    const hear = (): void => this.#socket.resume()
    return new Readable({ read: hear }).on('close', hear).on('error', () => {})
  }

  #output(channel: number): Writable {
    const output = new Writable({ write: (bytes: Buffer, _encoding, done) => this.#send(channel, bytes, done) })
    return output.on('error', () => {})
  }

  #send(channel: number, bytes: Buffer, done: (error?: Error) => void = () => {}): void {
    this.#socket.send(this.#codec.encode(channel, bytes), done)
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
