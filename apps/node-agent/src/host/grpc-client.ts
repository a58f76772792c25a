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

/** The server refused or could not be asked; the message is its own. */
export class GrpcError extends Error {
  override readonly name = 'GrpcError'
  /** One of gRPC's status codes. */
  readonly code: number
  constructor(code: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export interface GrpcCallOptions {
  readonly signal?: AbortSignal
  /** Default 2 minutes, as long as kubelet waits. */
  readonly timeoutMs?: number
  /** gRPC's metadata. */
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * Calls over a server's unix socket, made from the descriptors of its interface. grpc-js is loaded with the first call. A server
 * that is restarted is found again by the next call.
 */
export class GrpcClient {
  readonly socketPath: string
  #client: Promise<Connection> | undefined

  constructor(socketPath: string) {
    this.socketPath = socketPath
  }

  /** @throws GrpcError; the abort's reason when `signal` ended it. */
  async call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    init: MessageInitShape<I>,
    { signal, timeoutMs = TIMEOUT_MS, headers = {} }: GrpcCallOptions = {},
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
            limit.aborted
              ? new GrpcError(CODE.deadlineExceeded, `${method.name} was not answered within ${timeoutMs} ms`)
              : grpcError(error),
          )
        },
      )
      const cancel = (): void => call.cancel()
      until.addEventListener('abort', cancel, { once: true })
    })
  }

  /** Messages until the server or `signal` ends it. @throws GrpcError. */
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
      if (!signal.aborted) throw grpcError(error as ServiceError)
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
  const { Client, credentials, Metadata } = await import('./grpc.ts')
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

const grpcError = (error: ServiceError): GrpcError =>
  new GrpcError(error.code ?? CODE.unknown, error.details || error.message, { cause: error })
