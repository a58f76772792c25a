import { tooManyRequests } from '@bramble/api/status-error'
import { SERVER_NAME } from '@bramble/link/control-plane-certificate'
import type { ServerFrame, StreamsClient } from '@bramble/link/grpc/stream'
import type { StreamRequest } from '@bramble/link/link'
import type { Env } from '@bramble/reconcile/env'
import { type Carry, carryCall, type StreamSources } from './carry-call.ts'
import type { Identity } from './identity.ts'

/** As many as the control plane asks for. */
const STREAMS_MAX = 128
/** So many more are told that they are too many. */
const REFUSALS_MAX = 16
const KEEPALIVE_MS = 60_000
const KEEPALIVE_ANSWER_MS = 20_000
const IDLE_MS = 60_000
const OPEN_LIMIT_MS = 20_000

/**
 * Carries streams for the control plane: dials in when asked over the link, one call a stream, and hangs up when idle.
 * grpc-js is loaded with the first stream.
 */
export class StreamCarrier {
  readonly #identity: () => Identity
  readonly #sources: StreamSources
  readonly #env: Env
  #client: StreamsClient | undefined
  /** The certificate that the client shows. */
  #certificate = ''
  #active = 0
  #idle = new AbortController()

  constructor(identity: () => Identity, sources: StreamSources, env: Env) {
    this.#identity = identity
    this.#sources = sources
    this.#env = env
  }

  /** Carries one stream to its end. Never rejects: what goes wrong is told to the other side, or logged. */
  async carry({ id }: StreamRequest, signal: AbortSignal): Promise<void> {
    if (this.#active >= STREAMS_MAX) this.#env.log.warn('too many streams; refused one', { max: STREAMS_MAX })
    if (this.#active >= STREAMS_MAX + REFUSALS_MAX) return
    const sources = this.#active < STREAMS_MAX ? this.#sources : REFUSING
    this.#active++
    this.#idle.abort()
    try {
      await this.#carry(id, sources, signal)
    } catch (error) {
      if (!signal.aborted) this.#env.log.warn('a stream failed', { error })
    } finally {
      this.#active--
      if (this.#active === 0) this.#hangUpWhenIdle(signal)
    }
  }

  async #carry(id: string, sources: StreamSources, signal: AbortSignal): Promise<void> {
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
      if (wanted) await carryCall(call, wanted, sources, this.#env.log, both)
    } finally {
      call.end()
      if (!ended.signal.aborted) call.cancel()
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
    if (this.#client && this.#certificate === this.#identity().certificate) return this.#client
    const [grpc, { StreamsClient: Client }] = await Promise.all([import('../host/grpc.ts'), import('@bramble/link/grpc/stream')])
    const { authority, key, certificate, server, streamPort } = this.#identity()
    if (this.#client && this.#certificate === certificate) return this.#client
    this.#client?.close() // calls that it carries go on
    this.#certificate = certificate
    this.#client = new Client(`${new URL(server).hostname}:${streamPort}`, grpc.controlPlaneCredentials(authority, { key, certificate }), {
      'grpc.ssl_target_name_override': SERVER_NAME,
      'grpc.default_authority': SERVER_NAME,
      'grpc.enable_retries': 0,
      'grpc.per_rpc_retry_buffer_size': 1024, // a write is done when HTTP/2 took it, not when it was kept to be sent again
      'grpc.keepalive_time_ms': KEEPALIVE_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_ANSWER_MS,
    })
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

const refuse = (): never => {
  throw tooManyRequests(`the node carries ${STREAMS_MAX} streams (logs, exec, port-forward), and no more at once`, 1)
}
const REFUSING: StreamSources = { logs: refuse, exec: refuse, attach: refuse, forward: refuse }
