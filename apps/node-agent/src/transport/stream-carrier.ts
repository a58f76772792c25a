import { StatusError } from '@bramble/api/status-error'
import type { LogsRequest, NodeFrame, ServerFrame, StreamsClient } from '@bramble/link/grpc/stream'
import type { StreamRequest } from '@bramble/link/link'
import type { Env } from '@bramble/reconcile/env'
import type { ClientDuplexStream } from '@grpc/grpc-js'
import type { Identity } from './identity.ts'

const CHUNK_BYTES_MAX = 64 * 1024
const STREAMS_MAX = 32
const IDLE_MS = 60_000
const OPEN_LIMIT_MS = 20_000
const SERVER_NAME = 'bramble-control-plane'

/** Reads a container's log on this node. @throws StatusError that the user shall see. */
export type OpenLogs = (request: LogsRequest, signal: AbortSignal) => AsyncIterable<Uint8Array>
type Carry = ClientDuplexStream<NodeFrame, ServerFrame>

/**
 * Carries streams for the control plane: dials in when asked over the link, one call a stream, and hangs up when idle.
 * grpc-js is loaded with the first stream.
 */
export class StreamCarrier {
  readonly #identity: () => Identity
  readonly #openLogs: OpenLogs
  readonly #env: Env
  #client: StreamsClient | undefined
  #active = 0
  #idle = new AbortController()

  constructor(identity: () => Identity, openLogs: OpenLogs, env: Env) {
    this.#identity = identity
    this.#openLogs = openLogs
    this.#env = env
  }

  /** Carries one stream to its end. Never rejects: what goes wrong is told to the other side, or logged. */
  async carry({ id }: StreamRequest, signal: AbortSignal): Promise<void> {
    if (this.#active >= STREAMS_MAX) return this.#env.log.warn('too many streams; refused one', { max: STREAMS_MAX })
    this.#active++
    this.#idle.abort()
    try {
      await this.#carry(id, signal)
    } catch (error) {
      if (!signal.aborted) this.#env.log.warn('a stream failed', { error })
    } finally {
      this.#active--
      if (this.#active === 0) this.#hangUpWhenIdle(signal)
    }
  }

  async #carry(id: string, signal: AbortSignal): Promise<void> {
    const client = await this.#connect()
    const call = client.carry()
    const ended = new AbortController()
    call.on('error', () => ended.abort())
    call.on('close', () => ended.abort())
    call.on('end', () => ended.abort())
    const both = AbortSignal.any([signal, ended.signal])
    try {
      call.write({ frame: { $case: 'streamId', value: id } })
      const wanted = await this.#firstFrame(call, both)
      if (wanted?.frame?.$case !== 'logs') return
      call.resume() // towards the node nothing follows in a log stream but its end
      await this.#sendLogs(call, wanted.frame.value, both)
    } finally {
      call.end()
      if (signal.aborted) call.cancel()
    }
  }

  async #sendLogs(call: Carry, request: LogsRequest, signal: AbortSignal): Promise<void> {
    try {
      for await (const bytes of this.#openLogs(request, signal)) {
        for (let at = 0; at < bytes.length; at += CHUNK_BYTES_MAX) {
          const data = Buffer.from(bytes.subarray(at, at + CHUNK_BYTES_MAX))
          if (!call.write({ frame: { $case: 'chunk', value: { channel: 1, data } } })) await drained(call, signal)
        }
        if (signal.aborted) return
      }
      call.write({ frame: { $case: 'ended', value: { code: 0, reason: '', message: '', exitCode: 0 } } })
    } catch (error) {
      if (signal.aborted) return
      const known =
        error instanceof StatusError
          ? error
          : new StatusError(500, 'InternalError', "the node could not read the log; see the agent's own log")
      if (known !== error) this.#env.log.error('reading a log failed', { error })
      call.write({ frame: { $case: 'ended', value: { code: known.code, reason: known.reason, message: known.message, exitCode: 0 } } })
    }
  }

  async #firstFrame(call: Carry, signal: AbortSignal): Promise<ServerFrame | undefined> {
    const done = new AbortController()
    const first = new Promise<ServerFrame>((resolve) =>
      call.once('data', (frame: ServerFrame) => {
        call.pause()
        resolve(frame)
      }),
    )
    const late = this.#env.clock.sleep(OPEN_LIMIT_MS, AbortSignal.any([signal, done.signal])).then(() => undefined)
    try {
      return await Promise.race([first, late])
    } finally {
      done.abort()
    }
  }

  async #connect(): Promise<StreamsClient> {
    if (this.#client) return this.#client
    const [grpc, { StreamsClient: Client }] = await Promise.all([import('../host/grpc.ts'), import('@bramble/link/grpc/stream')])
    const { authority, key, certificate, server, streamPort } = this.#identity()
    this.#client ??= new Client(
      `${new URL(server).hostname}:${streamPort}`,
      grpc.credentials.createSsl(Buffer.from(authority), Buffer.from(key), Buffer.from(certificate)),
      {
        'grpc.ssl_target_name_override': SERVER_NAME,
        'grpc.default_authority': SERVER_NAME,
        'grpc.max_send_message_length': 256 * 1024,
      },
    )
    return this.#client
  }

  /** After a while, or at once when `signal` aborts. */
  #hangUpWhenIdle(signal: AbortSignal): void {
    const idle = new AbortController()
    this.#idle = idle
    void this.#env.clock.sleep(IDLE_MS, AbortSignal.any([idle.signal, signal])).then(() => {
      if (idle.signal.aborted) return
      this.#client?.close()
      this.#client = undefined
    })
  }
}

const drained = (call: Carry, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const go = (): void => {
      call.off('drain', go)
      signal.removeEventListener('abort', go)
      resolve()
    }
    call.on('drain', go)
    signal.addEventListener('abort', go, { once: true })
  })
