import { constants, type Http2Stream } from 'node:http2'
import { internalError, serviceUnavailable, StatusError, type StatusReason, timedOut } from '@bramble/api/status-error'
import { Channel, type Ended, type NodeFrame, type ServerFrame } from '@bramble/link/grpc/stream'
import { CHUNK_BYTES_MAX, FrameWriter } from '@bramble/link/grpc/frame-writer'
import type { Clock } from '@bramble/reconcile/env'
import type { TerminalSize } from '@bramble/streams/remote-process'
import { ChannelStream } from './channel-stream.ts'
import type { Carry } from './stream-server.ts'

/** The runtime of a busy board takes its time. */
const OPEN_LIMIT_MS = 60_000
/** Source: kubelet, streamingConnectionIdleTimeout. */
const IDLE_LIMIT_MS = 4 * 3_600_000
const MESSAGE_LENGTH_MAX = 4096
const REASON_LENGTH_MAX = 64

export interface Carried {
  readonly nodeName: string
  /** What the node shall do. */
  readonly request: ServerFrame
  /** In use; a node that sends on another one broke the protocol. `duplex`: STDIN and STDOUT are the two ways of one stream. */
  readonly channels: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean; readonly duplex?: boolean }
  /** Ends when it has been silent for hours. */
  readonly mayIdle: boolean
  readonly clock: Clock
  /** Ends all. */
  readonly signal: AbortSignal
}

/** The control plane's end of a stream that a node carries: frames in, streams out, and the other way round. */
export class CarriedStream {
  readonly stdin: ChannelStream | undefined
  readonly stdout: ChannelStream | undefined
  readonly stderr: ChannelStream | undefined
  readonly #call: Carry
  readonly #carried: Carried
  readonly #writer: FrameWriter<ServerFrame>
  readonly #gone = new AbortController()
  readonly #opened = Promise.withResolvers<void>()
  readonly #ended = Promise.withResolvers<Ended>()
  #isOpen = false
  #isOver = false
  #lastMs: number

  constructor(call: Carry, carried: Carried) {
    const { channels, signal, clock } = carried
    this.#call = call
    this.#carried = carried
    this.#lastMs = clock.monotonicMs()
    this.#writer = new FrameWriter(call, this.#gone.signal)
    this.#opened.promise.catch(() => {})
    this.#ended.promise.catch(() => {})
    const toNode = {
      send: (bytes: Uint8Array) => this.#send(bytes),
      sendEnd: () => this.#writer.close(Channel.STDIN),
    }
    const dropped = (): void => this.#fail(serviceUnavailable('the stream was ended'))
    if (channels.stdout) this.stdout = new ChannelStream({ readable: true, ...(channels.duplex && toNode), dropped })
    if (channels.stderr) this.stderr = new ChannelStream({ readable: true, dropped })
    if (channels.stdin && !channels.duplex) this.stdin = new ChannelStream({ readable: false, ...toNode, dropped })

    call.once('close', () => this.#gone.abort())
    const leave = (): void => this.#fail(serviceUnavailable('the stream was ended by the client'))
    signal.addEventListener('abort', leave, { once: true })
    this.#gone.signal.addEventListener('abort', () => signal.removeEventListener('abort', leave), { once: true })
    if (signal.aborted) leave()
    else void this.#run()
    void this.#watchOpening()
    if (!carried.mayIdle) void this.#watchIdle()
  }

  /** Resolves when what was asked for is there. @throws StatusError as the node says it, 503 when the node went away. */
  get opened(): Promise<void> {
    return this.#opened.promise
  }

  /** Resolves when it ended well. @throws StatusError */
  get ended(): Promise<Ended> {
    return this.#ended.promise
  }

  resize({ width, height }: TerminalSize): void {
    if (!this.#isOver) void this.#writer.write({ frame: { $case: 'resize', value: { width: uint16(width), height: uint16(height) } } })
  }

  async #run(): Promise<void> {
    const { nodeName, request } = this.#carried
    void this.#writer.write(request)
    try {
      for await (const { frame } of this.#call.iterator({ destroyOnReturn: false }) as AsyncIterable<NodeFrame>) {
        this.#lastMs = this.#carried.clock.monotonicMs()
        if (this.#isOver) return
        if (frame?.$case === 'ended') return this.#finish(frame.value)
        await this.#receive(frame)
      }
      this.#fail(wentAway(nodeName))
    } catch (error) {
      this.#fail(error instanceof StatusError ? error : wentAway(nodeName, error))
    }
  }

  async #receive(frame: NodeFrame['frame']): Promise<void> {
    switch (frame?.$case) {
      case 'opened':
        if (this.#isOpen) throw this.#violation('opened twice')
        this.#isOpen = true
        return this.#opened.resolve()
      case 'chunk':
        if (frame.value.data.length > CHUNK_BYTES_MAX) throw this.#violation('a chunk is too large')
        await this.#channel(frame.value.channel).receive(frame.value.data, this.#gone.signal)
        this.#lastMs = this.#carried.clock.monotonicMs()
        return
      case 'closed':
        return this.#channel(frame.value.channel).finish()
      default:
        throw this.#violation(`a frame "${frame?.$case ?? ''}" in the middle of a stream`)
    }
  }

  #channel(number: number): ChannelStream {
    const channel = number === Channel.STDOUT ? this.stdout : number === Channel.STDERR ? this.stderr : undefined
    if (!this.#isOpen) throw this.#violation('bytes before it was opened')
    if (!channel) throw this.#violation(`channel ${number} is not in use`)
    if (channel.isFinished) throw this.#violation(`channel ${number} was closed`)
    return channel
  }

  async #send(bytes: Uint8Array): Promise<void> {
    await this.#writer.bytes(Channel.STDIN, bytes)
    this.#lastMs = this.#carried.clock.monotonicMs()
  }

  #finish(ended: Ended): void {
    if (ended.code !== 0) return this.#fail(statusOf(ended), hangUp)
    if (!this.#isOpen) return this.#fail(this.#violation('it ended well before it was opened'))
    this.#isOver = true
    for (const channel of [this.stdout, this.stderr]) channel?.finish()
    this.stdin?.release()
    this.#ended.resolve(ended)
    hangUp(this.#call)
  }

  #fail(error: StatusError, leave: (call: Carry) => void = reset): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#opened.reject(error)
    this.#ended.reject(error)
    for (const channel of [this.stdin, this.stdout, this.stderr]) channel?.release(error)
    leave(this.#call)
  }

  async #watchOpening(): Promise<void> {
    const { clock, nodeName } = this.#carried
    const done = new AbortController()
    void this.#opened.promise.then(() => done.abort()).catch(() => done.abort())
    await clock.sleep(OPEN_LIMIT_MS, done.signal)
    if (!this.#isOpen) this.#fail(timedOut(`node "${nodeName}" did not get what was asked for within ${OPEN_LIMIT_MS / 1000} s`))
  }

  async #watchIdle(): Promise<void> {
    const { clock } = this.#carried
    for (;;) {
      const leftMs = this.#lastMs + IDLE_LIMIT_MS - clock.monotonicMs()
      if (leftMs <= 0) return this.#fail(timedOut('nothing was sent either way for 4 h'))
      await clock.sleep(leftMs, this.#gone.signal)
      if (this.#gone.signal.aborted) return
    }
  }

  #violation(what: string): StatusError {
    return internalError(`node "${this.#carried.nodeName}" broke the protocol of streams: ${what}`)
  }
}

const wentAway = (nodeName: string, cause?: unknown): StatusError =>
  serviceUnavailable(`node "${nodeName}" went away before the stream ended; try again`, { cause })

/** A node's word is taken for what it is: text, and a code that is an error. */
function statusOf({ code, reason, message }: Ended): StatusError {
  const known = code >= 400 && code <= 599
  return new StatusError(
    known ? code : 500,
    (known ? reason.slice(0, REASON_LENGTH_MAX) : 'InternalError') as StatusReason,
    message.slice(0, MESSAGE_LENGTH_MAX),
  )
}

const uint16 = (value: number): number => Math.min(0xffff, Math.max(0, Math.trunc(value) || 0))

/** All was said: the status goes out after what is under way. A call that is destroyed before stays open on the wire. */
function hangUp(call: Carry): void {
  if (call.destroyed) return
  call.resume()
  call.end()
}

/**
 * At once, whatever is under way: the node may have stopped reading, so that a status would never reach it. grpc-js has no way of its
 * own for a server to do this; without its stream the status has to do.
 */
function reset(call: Carry): void {
  const { stream } = (call as unknown as { readonly call?: { readonly stream?: Http2Stream } }).call ?? {}
  if (stream && !stream.closed) stream.close(constants.NGHTTP2_CANCEL)
  else hangUp(call)
}
