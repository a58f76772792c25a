import {
  create,
  type DescMessage,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf'
import type { CallOptions, Client, Metadata, ServiceError } from '@grpc/grpc-js'
import { type RuntimeReason, RuntimeError } from '../runtime.ts'

/** What a call came to when it failed. @see Source: gRPC "Status codes and their use in gRPC". */
export const CODE = {
  cancelled: 1,
  unknown: 2,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  unimplemented: 12,
  unavailable: 14,
} as const

/** The runtime refused or could not be asked; the message is its own. */
export class CriError extends Error {
  override readonly name = 'CriError'
  /** One of gRPC's status codes. */
  readonly code: number
  constructor(code: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export interface CriCallOptions {
  readonly signal?: AbortSignal
  /** Default 2 minutes, as long as kubelet waits. */
  readonly timeoutMs?: number
  /** gRPC's metadata. */
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * Calls over a runtime's unix socket, made from the descriptors of its interface. grpc-js is loaded with the first call. A runtime
 * that is restarted is found again by the next call.
 */
export class CriClient {
  readonly socketPath: string
  #client: Promise<Connection> | undefined

  constructor(socketPath: string) {
    this.socketPath = socketPath
  }

  /** @throws CriError; the abort's reason when `signal` ended it. */
  async call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    init: MessageInitShape<I>,
    { signal, timeoutMs = TIMEOUT_MS, headers = {} }: CriCallOptions = {},
  ): Promise<MessageShape<O>> {
    const { client, metadata, options } = await this.#connect()
    signal?.throwIfAborted()
    const limit = AbortSignal.timeout(timeoutMs)
    const until = signal ? AbortSignal.any([signal, limit]) : limit
    return new Promise((resolve, reject) => {
      const call = client.makeUnaryRequest(
        pathOf(method),
        (message: MessageShape<I>) => Buffer.from(toBinary(method.input, message)),
        (bytes) => fromBinary(method.output, bytes),
        create(method.input, init),
        metadata(headers),
        options,
        (error, message) => {
          until.removeEventListener('abort', cancel)
          if (!error) return resolve(message!)
          if (signal?.aborted) return reject(signal.reason)
          reject(
            limit.aborted ? new CriError(CODE.deadlineExceeded, `${method.name} was not answered within ${timeoutMs} ms`) : criError(error),
          )
        },
      )
      const cancel = (): void => call.cancel()
      until.addEventListener('abort', cancel, { once: true })
    })
  }

  /** Messages until the server or `signal` ends it. @throws CriError. */
  async *stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    init: MessageInitShape<I>,
    signal: AbortSignal,
  ): AsyncIterable<MessageShape<O>> {
    const { client, metadata, options } = await this.#connect()
    if (signal.aborted) return
    const call = client.makeServerStreamRequest(
      pathOf(method),
      (message: MessageShape<I>) => Buffer.from(toBinary(method.input, message)),
      (bytes) => fromBinary(method.output, bytes),
      create(method.input, init),
      metadata({}),
      options,
    )
    const cancel = (): void => call.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    try {
      for await (const message of call) yield message as MessageShape<O>
    } catch (error) {
      if (!signal.aborted) throw criError(error as ServiceError)
    } finally {
      signal.removeEventListener('abort', cancel)
      call.cancel()
    }
  }

  /** The next call connects anew. */
  close(): void {
    void this.#client?.then(({ client }) => client.close())
    this.#client = undefined
  }

  #connect(): Promise<Connection> {
    this.#client ??= connect(this.socketPath)
    return this.#client
  }
}

interface Connection {
  readonly client: Client
  readonly metadata: (headers: Readonly<Record<string, string>>) => Metadata
  readonly options: CallOptions
}

const TIMEOUT_MS = 120_000
/** As kubelet: the output of a command comes in one message. */
const MESSAGE_BYTES_MAX = 16 << 20
const RECONNECT_MS_MIN = 200
const RECONNECT_MS_MAX = 2_000

async function connect(socketPath: string): Promise<Connection> {
  const { Client, credentials, Metadata } = await import('../../host/grpc.ts')
  const client = new Client(`unix://${socketPath}`, credentials.createInsecure(), {
    'grpc.default_authority': 'localhost', // else the path of the socket, which servers in Go refuse
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    'grpc.initial_reconnect_backoff_ms': RECONNECT_MS_MIN,
    'grpc.min_reconnect_backoff_ms': RECONNECT_MS_MIN,
    'grpc.max_reconnect_backoff_ms': RECONNECT_MS_MAX,
  })
  const metadata: Connection['metadata'] = (headers) => {
    const made = new Metadata()
    for (const [name, value] of Object.entries(headers)) made.set(name, value)
    return made
  }
  return { client, metadata, options: {} }
}

const pathOf = (method: { readonly name: string; readonly parent: { readonly typeName: string } }): string =>
  `/${method.parent.typeName}/${method.name}`

const criError = (error: ServiceError): CriError =>
  new CriError(error.code ?? CODE.unknown, error.details || error.message, { cause: error })

/** The runtime's refusal under the reason that a pod status shows. */
export async function reasoned<T>(reason: RuntimeReason, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw error instanceof CriError ? new RuntimeError(reason, error.message, { cause: error }) : error
  }
}

/** undefined for something that is not there. */
export async function absent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (error instanceof CriError && error.code === CODE.notFound) return undefined
    return reasoned('RuntimeUnavailable', Promise.reject<T>(error))
  }
}
