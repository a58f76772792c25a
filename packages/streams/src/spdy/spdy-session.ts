import type { Duplex } from 'node:stream'
import type { Clock } from '@bramble/reconcile/env'
import { Signal } from '@bramble/reconcile/signal'
import { FrameDecoder } from './frame-decoder.ts'
import { encodeFrame, type Frame, GOAWAY, RESET } from './frames.ts'
import { HeaderReader, HeaderWriter, type SpdyHeaders } from './header-block.ts'
import { SpdyError } from './spdy-error.ts'
import { SpdyStream } from './spdy-stream.ts'

export interface SessionOptions {
  readonly side: 'client' | 'server'
  readonly clock: Clock
  /** Takes a stream that the peer opened (it has had its reply). Throwing resets the stream. Absent: the peer may open none. */
  readonly onStream?: (stream: SpdyStream) => void
  /** Open at once, opened by the peer. */
  readonly streamsMax?: number
  /** How often the peer is pinged, so that one that vanished is noticed, and gateways between keep the connection. */
  readonly pingMs?: number
}

const STREAMS_MAX = 1000
const PING_MS = 30_000
/** Above it, with its costs, nothing more is read from the peer. */
const HELD_BYTES_MAX = 1024 * 1024
/** Answers to a peer that asks and never reads. */
const UNREAD_ANSWERS_BYTES_MAX = 1024 * 1024
/** For the peer to end the connection itself, and then to answer the end. */
const LEAVE_MS = 5000
const CLOSE_MS = 2000
const FRAME_DATA_BYTES = 64 * 1024

/**
 * A session of SPDY/3.1 over any connection. Windows are not kept, as the peers here (Kubernetes' clients and container runtimes) keep
 * none: a slow reader of one stream slows the connection, and the connection slows the sender.
 */
export class SpdySession {
  /** Resolves when the connection is over: with why, or undefined when that was in order. */
  readonly ended: Promise<Error | undefined>
  readonly #transport: Duplex
  readonly #options: SessionOptions
  readonly #decoder = new FrameDecoder()
  readonly #reader = new HeaderReader()
  readonly #writer = new HeaderWriter()
  readonly #streams = new Map<number, SpdyStream>()
  readonly #replies = new Map<number, { readonly resolve: () => void; readonly reject: (error: Error) => void }>()
  readonly #blocked: (() => void)[] = []
  readonly #room = new Signal()
  readonly #over = new AbortController()
  #nextId: number
  #lastPeerId = 0
  #peerStreams = 0
  #heldBytes = 0
  #peerLeaves = false
  #dropped = false

  constructor(transport: Duplex, options: SessionOptions) {
    this.#transport = transport
    this.#options = options
    this.#nextId = options.side === 'client' ? 1 : 2
    transport.on('drain', () => this.#unblock())
    transport.on('error', () => {}) // the reading below rejects
    transport.on('close', () => {
      this.#unblock()
      this.#room.notify() // the reading below leaves, when what has come is taken
    })
    this.ended = this.#read()
    void this.#ping()
  }

  /** Opens a stream. Rejects when the peer refuses it, the session ends or `signal` aborts first. */
  async open(headers: SpdyHeaders, signal?: AbortSignal): Promise<SpdyStream> {
    signal?.throwIfAborted()
    if (this.#over.signal.aborted || this.#peerLeaves) throw new SpdyError('the session is over')
    const id = this.#nextId
    this.#nextId += 2
    const block = this.#writer.write(headers)
    const stream = this.#add(id, headers, { input: true, output: true })
    this.#send({ type: 'syn-stream', streamId: id, block, fin: false, oneWay: false })
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#replies.set(id, { resolve, reject })
    const abort = (): void => reject(signal?.reason instanceof Error ? signal.reason : new SpdyError('given up'))
    signal?.addEventListener('abort', abort, { once: true })
    try {
      await promise
      return stream
    } catch (error) {
      stream.destroy()
      throw error
    } finally {
      this.#replies.delete(id)
      signal?.removeEventListener('abort', abort)
    }
  }

  /**
   * Ends the connection when all streams have said all. As server it leaves the client a moment to do so: older ones lose what they have
   * received and not yet read when the server is first.
   */
  async close(): Promise<void> {
    if (this.#options.side === 'server') await Promise.race([this.ended, this.#options.clock.sleep(LEAVE_MS, this.#over.signal)])
    this.#send({ type: 'goaway', lastStreamId: this.#lastPeerId, status: GOAWAY.ok })
    this.#transport.end()
    await Promise.race([this.ended, this.#options.clock.sleep(CLOSE_MS, this.#over.signal)])
    this.destroy()
  }

  /** At once. Idempotent. */
  destroy(): void {
    this.#dropped = true
    this.#transport.destroy()
    this.#leave()
  }

  async #read(): Promise<Error | undefined> {
    let error: Error | undefined
    try {
      for await (const bytes of this.#received()) await this.#takeAll(bytes)
      if (!this.#decoder.settled) error = new SpdyError('the connection ended within a frame')
    } catch (thrown) {
      if (!this.#dropped) error = thrown instanceof Error ? thrown : new Error(String(thrown))
    }
    this.destroy()
    return error
  }

  /** A peer that leaves while something is on its way to it resets the connection: what it said before that counts all the same. */
  async *#received(): AsyncIterable<Buffer> {
    try {
      for await (const bytes of this.#transport) yield bytes
    } catch (error) {
      for (let rest = this.#transport.read(); rest !== null && !this.#dropped; rest = this.#transport.read()) yield rest
      throw error
    }
  }

  /** Of a connection that is closed, no more comes than has come. */
  #mustWait(): boolean {
    return this.#heldBytes > HELD_BYTES_MAX && !this.#over.signal.aborted && !this.#transport.destroyed
  }

  async #takeAll(bytes: Buffer): Promise<void> {
    try {
      for (const frame of this.#decoder.push(bytes)) {
        await this.#take(frame)
        while (this.#mustWait()) await this.#room.wait(this.#over.signal)
      }
    } catch (error) {
      this.#send({ type: 'goaway', lastStreamId: this.#lastPeerId, status: GOAWAY.protocolError })
      throw error
    }
  }

  async #take(frame: Frame): Promise<void> {
    switch (frame.type) {
      case 'data':
        return this.#takeData(frame.streamId, frame.bytes, frame.fin)
      case 'syn-stream':
        return this.#takeStream(frame.streamId, await this.#reader.read(frame.block), frame.fin, frame.oneWay)
      case 'syn-reply':
      case 'headers':
        await this.#reader.read(frame.block) // all blocks of a direction are one compressed text
        if (frame.type === 'syn-reply') this.#replies.get(frame.streamId)?.resolve()
        if (frame.fin) this.#streams.get(frame.streamId)?.receiveEnd()
        return
      case 'rst-stream':
        this.#replies.get(frame.streamId)?.reject(new SpdyError(`the peer refused the stream (${frame.status})`))
        return this.#streams.get(frame.streamId)?.receiveReset('peer')
      case 'ping':
        if (frame.id % 2 !== this.#nextId % 2) this.#answer({ type: 'ping', id: frame.id })
        return
      case 'goaway':
        this.#peerLeaves = true
    }
  }

  #takeData(streamId: number, bytes: Buffer, fin: boolean): void {
    const stream = this.#streams.get(streamId)
    stream?.receive(bytes)
    if (fin) stream?.receiveEnd()
  }

  #takeStream(id: number, headers: SpdyHeaders, fin: boolean, oneWay: boolean): void {
    if (id % 2 === this.#nextId % 2 || id <= this.#lastPeerId) throw new SpdyError(`a stream ${id} after ${this.#lastPeerId}`)
    this.#lastPeerId = id
    const { onStream, streamsMax = STREAMS_MAX } = this.#options
    if (!onStream || this.#peerStreams >= streamsMax) return this.#answer({ type: 'rst-stream', streamId: id, status: RESET.refused })
    this.#answer({ type: 'syn-reply', streamId: id, block: this.#writer.write(new Map()), fin: false })
    const stream = this.#add(id, headers, { input: true, output: !oneWay })
    this.#peerStreams++
    if (fin) stream.receiveEnd()
    try {
      onStream(stream)
    } catch {
      stream.destroy()
    }
  }

  #add(id: number, headers: SpdyHeaders, directions: { readonly input: boolean; readonly output: boolean }): SpdyStream {
    const stream = new SpdyStream(
      id,
      headers,
      {
        send: (bytes, fin, done) => this.#sendData(id, bytes, fin, done),
        held: (change) => {
          this.#heldBytes += change
          if (this.#heldBytes <= HELD_BYTES_MAX) this.#room.notify()
        },
        reset: (status) => this.#answer({ type: 'rst-stream', streamId: id, status }),
        gone: () => {
          if (this.#streams.delete(id) && id % 2 !== this.#nextId % 2) this.#peerStreams--
        },
      },
      directions,
    )
    this.#streams.set(id, stream)
    return stream
  }

  /** Each stream has at most one write under way, and they take turns when the connection is full. */
  #sendData(streamId: number, bytes: Buffer, fin: boolean, done: (error?: Error | null) => void): void {
    if (this.#isOver) return done(new Error('the session is over'))
    if (this.#transport.writableNeedDrain) {
      this.#blocked.push(() => this.#sendData(streamId, bytes, fin, done))
      return
    }
    const piece = bytes.subarray(0, FRAME_DATA_BYTES)
    const rest = bytes.subarray(piece.length)
    this.#send({ type: 'data', streamId, bytes: piece, fin: fin && rest.length === 0 })
    if (rest.length === 0) done()
    else this.#sendData(streamId, rest, fin, done)
  }

  #unblock(): void {
    while (this.#blocked.length > 0 && (this.#isOver || !this.#transport.writableNeedDrain)) this.#blocked.shift()!()
  }

  #answer(frame: Exclude<Frame, { type: 'unknown' }>): void {
    this.#send(frame)
    if (this.#transport.writableLength > UNREAD_ANSWERS_BYTES_MAX)
      this.#transport.destroy(new SpdyError('the peer does not read what it asks for'))
  }

  #send(frame: Exclude<Frame, { type: 'unknown' }>): void {
    if (this.#transport.writable) this.#transport.write(encodeFrame(frame))
  }

  get #isOver(): boolean {
    return this.#over.signal.aborted || this.#transport.destroyed
  }

  #leave(): void {
    if (this.#over.signal.aborted) return
    this.#over.abort()
    this.#reader.close()
    for (const { reject } of this.#replies.values()) reject(new SpdyError('the session is over'))
    for (const stream of [...this.#streams.values()]) stream.receiveReset('session')
    this.#unblock()
  }

  async #ping(): Promise<void> {
    const { clock, pingMs = PING_MS } = this.#options
    for (let id = this.#nextId; ; id += 2) {
      await clock.sleep(pingMs, this.#over.signal)
      if (this.#over.signal.aborted) return
      if (!this.#transport.writableNeedDrain) this.#send({ type: 'ping', id })
    }
  }
}
