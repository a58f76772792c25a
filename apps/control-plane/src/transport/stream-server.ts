import { randomBytes } from 'node:crypto'
import { type sendUnaryData, Server, ServerCredentials, type ServerDuplexStream, type ServerUnaryCall, status } from '@grpc/grpc-js'
import { StatusError, serviceUnavailable, timedOut, tooManyRequests } from '@bramble/api/status-error'
import {
  EnrolmentService,
  type EnrolRequest,
  type EnrolResponse,
  type NodeFrame,
  type RenewRequest,
  type ServerFrame,
  StreamsService,
} from '@bramble/link/grpc/stream'
import type { Env } from '@bramble/reconcile/env'
import type { Enrolment } from '../enrolment/enrolment.ts'
import { EnrolmentRefused } from '../enrolment/enrolment-refused.ts'
import type { Pki } from '../pki/pki.ts'
import { certifiedDevice, certifiedNode } from './certified-node.ts'

const DIAL_LIMIT_MS = 15_000
/** A chunk and what is around it. */
const MESSAGE_BYTES_MAX = 68 * 1024
/** A browser behind a forwarded port opens some dozen connections. */
const STREAMS_PER_NODE_MAX = 128
const STREAMS_MAX = 512
/** A node may dial in once more than it may carry, to be told so. */
const CALLS_PER_CONNECTION_MAX = STREAMS_PER_NODE_MAX + 16

/** A stream as the node carries it. */
export type Carry = ServerDuplexStream<NodeFrame, ServerFrame>
interface Wanted {
  readonly nodeName: string
  readonly arrived: (call: Carry | undefined) => void
}

/** Asks the node over the link to dial in and carry a stream. */
export type AskNode = (nodeName: string, streamId: string) => Promise<void>

export interface StreamServerOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly mqttPort: number
  readonly podNetwork: string
  readonly serviceNetwork: string
  readonly pki: Pki
}

/**
 * The gRPC port: enrolment for those who have no certificate yet, streams for nodes that have one. Nodes dial in;
 * a stream is opened by asking the node over the link and waiting for its call.
 */
export class StreamServer {
  readonly #options: StreamServerOptions
  readonly #enrolment: Enrolment
  readonly #ask: AskNode
  readonly #env: Env
  readonly #wanted = new Map<string, Wanted>()
  /** Streams that are open or being opened, by node. */
  readonly #counts = new Map<string, number>()
  readonly #listening = Promise.withResolvers<number>()

  constructor(options: StreamServerOptions, enrolment: Enrolment, ask: AskNode, env: Env) {
    this.#options = options
    this.#enrolment = enrolment
    this.#ask = ask
    this.#env = env
  }

  /** Resolves with the port once nodes can dial in. */
  get listening(): Promise<number> {
    return this.#listening.promise
  }

  /** Serves until `signal` aborts. @throws Error when the port cannot be had. */
  async run(signal: AbortSignal): Promise<void> {
    const { host, port, pki } = this.#options
    const server = new Server({
      'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
      'grpc.max_concurrent_streams': CALLS_PER_CONNECTION_MAX,
      'grpc.keepalive_time_ms': 60_000,
      'grpc.keepalive_timeout_ms': 20_000,
    })
    server.addService(EnrolmentService, {
      enrol: (call: ServerUnaryCall<EnrolRequest, EnrolResponse>, reply: sendUnaryData<EnrolResponse>) =>
        void this.#answer(reply, () => this.#enrolment.enrol(call.request, addressOf(call.getPeer()))),
      renew: (call: ServerUnaryCall<RenewRequest, EnrolResponse>, reply: sendUnaryData<EnrolResponse>) =>
        void this.#answer(reply, () => this.#enrolment.renew(call.request.certificate, call.request.csr)),
    })
    server.addService(StreamsService, { carry: (call: Carry) => this.#carry(call) })
    const bound = await bind(server, `${host}:${port}`, credentials(pki))
    if (bound instanceof Error)
      throw new Error(`stream port ${port} cannot be used: ${bound.message}; choose another with --stream-port`, { cause: bound })
    this.#env.log.info('streams and enrolment', { port: bound })
    this.#listening.resolve(bound)
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
    server.forceShutdown()
  }

  /**
   * A stream that the node carries, ready for its first frame.
   * @throws StatusError 503 when the node is not connected, 504 when it does not call back in time or `signal` aborts, 429 when the
   * node carries as many streams as it may, 503 when all nodes do.
   */
  async open(nodeName: string, signal: AbortSignal): Promise<Carry> {
    const release = this.#admit(nodeName)
    try {
      const call = await this.#dialled(nodeName, signal)
      if (call.destroyed) release()
      else call.once('close', release)
      return call
    } catch (error) {
      release()
      throw error
    }
  }

  #admit(nodeName: string): () => void {
    const count = this.#counts.get(nodeName) ?? 0
    const total = this.#counts.values().reduce((sum, each) => sum + each, 0)
    if (count >= STREAMS_PER_NODE_MAX)
      throw tooManyRequests(`node "${nodeName}" carries ${count} streams (logs, exec, port-forward), and no more at once`, 1)
    if (total >= STREAMS_MAX) throw serviceUnavailable(`${total} streams to nodes are open, and there can be no more at once`)
    this.#counts.set(nodeName, count + 1)
    let isReleased = false
    return () => {
      if (isReleased) return
      isReleased = true
      const left = this.#counts.get(nodeName)! - 1
      if (left > 0) this.#counts.set(nodeName, left)
      else this.#counts.delete(nodeName)
    }
  }

  async #dialled(nodeName: string, signal: AbortSignal): Promise<Carry> {
    const id = randomBytes(18).toString('base64url')
    const { promise: call, resolve: arrived } = Promise.withResolvers<Carry | undefined>()
    this.#wanted.set(id, { nodeName, arrived })
    const done = new AbortController()
    try {
      await this.#ask(nodeName, id).catch((error: unknown) => {
        throw error instanceof StatusError
          ? error
          : serviceUnavailable(`node "${nodeName}" is not connected; its pods may be running, try again when it is Ready`, { cause: error })
      })
      void this.#env.clock.sleep(DIAL_LIMIT_MS, AbortSignal.any([signal, done.signal])).then(() => arrived(undefined))
      const found = await call
      if (!found) throw timedOut(`node "${nodeName}" did not open the stream within ${DIAL_LIMIT_MS / 1000} s`)
      return found
    } finally {
      this.#wanted.delete(id)
      done.abort()
    }
  }

  /** The connection's certificate was verified: grpc-js shows no other. */
  #carry(call: Carry): void {
    call.on('error', () => {}) // a node may vanish before its stream was taken
    const certificate = call.getAuthContext().sslPeerCertificate
    const nodeName = certificate && certifiedNode(certificate)
    if (nodeName === undefined) return refuse(call, status.UNAUTHENTICATED, 'streams are for nodes with a certificate of this cluster')
    if (!this.#enrolment.mayConnect(nodeName, certifiedDevice(certificate!)))
      return refuse(call, status.UNAUTHENTICATED, `another device is node "${nodeName}" now, or the node was removed`)
    const told = new AbortController()
    call.once('close', () => told.abort())
    call.once('data', (first: NodeFrame) => {
      call.pause()
      told.abort()
      const id = first.frame?.$case === 'streamId' ? first.frame.value : ''
      const wanted = this.#wanted.get(id)
      if (wanted?.nodeName !== nodeName) return refuse(call, status.PERMISSION_DENIED, 'nobody waits for this stream')
      this.#wanted.delete(id)
      wanted.arrived(call)
    })
    void this.#env.clock.sleep(DIAL_LIMIT_MS, told.signal).then(() => {
      if (!told.signal.aborted) refuse(call, status.DEADLINE_EXCEEDED, 'the node did not say which stream this is')
    })
  }

  async #answer(reply: sendUnaryData<EnrolResponse>, body: () => Promise<Buffer>): Promise<void> {
    try {
      const certificate = await body()
      const { pki, mqttPort, podNetwork, serviceNetwork } = this.#options
      const streamPort = await this.listening
      reply(null, {
        certificate,
        authorities: [pemToDer(pki.authority)],
        mqttPort,
        streamPort,
        timeMs: this.#env.clock.nowMs(),
        podNetwork,
        serviceNetwork,
      })
    } catch (error) {
      if (error instanceof EnrolmentRefused) {
        if (error.kind !== 'waiting') this.#env.log.warn('refused to enrol a node', { why: error.message })
        reply({ code: CODE[error.kind], details: error.message })
      } else {
        this.#env.log.error('enrolment failed', { error })
        reply({ code: status.INTERNAL, details: 'the control plane could not store the enrolment; see its log' })
      }
    }
  }
}

const refuse = (call: Carry, code: status, details: string): void => void call.emit('error', { code, details })

const CODE: Record<EnrolmentRefused['kind'], status> = {
  unauthenticated: status.UNAUTHENTICATED,
  invalid: status.INVALID_ARGUMENT,
  taken: status.ALREADY_EXISTS,
  denied: status.PERMISSION_DENIED,
  waiting: status.FAILED_PRECONDITION,
}

/** Of gRPC's `address:port`. */
const addressOf = (peer: string): string | undefined => /^\[?(.+?)\]?:\d+$/.exec(peer)?.[1]

/** Client certificates are verified when given, and not needed for enrolment: the handlers look at the verified peer. */
function credentials(pki: Pki): ServerCredentials {
  const chain = Buffer.from(pki.server.certificate + pki.authority)
  const secure = ServerCredentials.createSsl(
    Buffer.from(pki.authority),
    [{ cert_chain: chain, private_key: Buffer.from(pki.server.key) }],
    true,
  )
  Object.assign(secure._getConstructorOptions()!, { rejectUnauthorized: false })
  return secure
}

const bind = (server: Server, address: string, secure: ServerCredentials): Promise<number | Error> =>
  new Promise((resolve) => server.bindAsync(address, secure, (error, port) => resolve(error ?? port)))

export const pemToDer = (pem: string): Buffer => Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64')
