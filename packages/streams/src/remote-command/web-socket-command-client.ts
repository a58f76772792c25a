import type { Readable, Writable } from 'node:stream'
import type { Clock } from '@bramble/reconcile/env'
import type { WebSocket } from 'ws'
import type { Stdio, TerminalSize } from '../remote-process.ts'
import { WebSocketChannels } from '../web-socket-channels.ts'
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

/** A client that speaks channels. @see Source: kubelet pkg/cri/streaming/remotecommand, websocket.go. */
export class WebSocketCommandClient implements CommandClient {
  readonly stdin?: Readable
  readonly stdout?: Writable
  readonly stderr?: Writable
  readonly #channels: WebSocketChannels
  readonly #version: number

  constructor(socket: WebSocket, protocol: string, stdio: Stdio, clock: Clock) {
    const channels = new WebSocketChannels(socket, protocol, clock)
    this.#channels = channels
    this.#version = Number(/^v([2-5])\./.exec(protocol)?.[1] ?? 1)
    if (stdio.stdin) this.stdin = channels.input(CHANNEL.stdin)
    if (stdio.stdout) this.stdout = channels.output(CHANNEL.stdout)
    if (stdio.stderr && !stdio.tty) this.stderr = channels.output(CHANNEL.stderr)
    if (this.#version >= 5)
      channels.listen(CHANNEL.close, (bytes) => {
        if (bytes[0] === CHANNEL.stdin) channels.endInput(CHANNEL.stdin)
      })
    // nothing, on the first channel that it listens to: clients wait for it
    channels.send(this.stdout ? CHANNEL.stdout : this.stderr ? CHANNEL.stderr : CHANNEL.error, Buffer.alloc(0))
  }

  get gone(): AbortSignal {
    return this.#channels.gone
  }

  onResize(take: (size: TerminalSize) => void): void {
    const reader = new ResizeReader()
    this.#channels.listen(CHANNEL.resize, (bytes) => reader.push(bytes).forEach(take))
  }

  async finish({ status, text }: CommandEnd): Promise<void> {
    const last = this.#version >= 4 ? status : text
    if (last !== '') this.#channels.send(CHANNEL.error, Buffer.from(last))
    await this.#channels.close()
  }

  destroy(): void {
    this.#channels.destroy()
  }
}
