import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescService,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf'
import type { Log } from '@bramble/reconcile/env'
import type { Server, ServerUnaryCall, ServerWritableStream, sendUnaryData } from '@grpc/grpc-js'
import { CriProblem, problemOf } from './problem.ts'

/** One handler for each method of a service. Their signal aborts when the caller goes away. */
export type Handlers<S extends DescService> = {
  readonly [Name in keyof S['method']]: S['method'][Name] extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, signal: AbortSignal) => Promise<MessageInitShape<O>>
    : S['method'][Name] extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageShape<I>, signal: AbortSignal) => AsyncIterable<MessageInitShape<O>>
      : never
}

type UnaryHandler = (request: MessageShape<DescMessage>, signal: AbortSignal) => Promise<MessageInitShape<DescMessage>>
type StreamHandler = (request: MessageShape<DescMessage>, signal: AbortSignal) => AsyncIterable<MessageInitShape<DescMessage>>

/** How many calls are worked on at once, over all connections. */
export class CallLimit {
  readonly #max: number
  #count = 0

  constructor(max: number) {
    this.#max = max
  }

  /** @throws CriProblem `RESOURCE_EXHAUSTED`. @returns what ends the call, once. */
  begin(): () => void {
    if (this.#count >= this.#max) throw new CriProblem('resourceExhausted', `more than ${this.#max} calls at once`)
    this.#count++
    let isOver = false
    return () => {
      if (!isOver) this.#count--
      isOver = true
    }
  }
}

export interface Binding {
  readonly calls: CallLimit
  /** Of streams, so that those who listen for ever leave room for those who ask. */
  readonly streams: CallLimit
  readonly log: Log
  /** Ends streams: nobody else would. */
  readonly stopping: AbortSignal
}

/** Serves a service by its descriptor: unary methods and streams from the server. Whatever a handler throws is the answer of that call alone. */
export function bindService<S extends DescService>(server: Server, service: S, handlers: Handlers<S>, binding: Binding): void {
  const definition: Record<string, object> = {}
  const implementation: Record<string, unknown> = {}
  for (const method of service.methods) {
    definition[method.localName] = definitionOf(service, method)
    const handler = (handlers as Readonly<Record<string, unknown>>)[method.localName]
    implementation[method.localName] =
      method.methodKind === 'server_streaming'
        ? servedStream(method, handler as StreamHandler, binding)
        : servedCall(method, handler as UnaryHandler, binding)
  }
  server.addService(definition as never, implementation as never)
}

const definitionOf = (service: DescService, method: DescMethod): object => ({
  path: `/${service.typeName}/${method.name}`,
  requestStream: method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming',
  responseStream: method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming',
  // taken apart by the handler: what cannot be read is the caller's mistake, not the server's
  requestDeserialize: (bytes: Buffer) => bytes,
  requestSerialize: (bytes: Buffer) => bytes,
  responseSerialize: (message: MessageInitShape<DescMessage>) =>
    Buffer.from(toBinary(method.output, create(method.output, message as never) as never)),
  responseDeserialize: (bytes: Buffer) => bytes,
})

function requestOf({ input }: DescMethod, bytes: Buffer): MessageShape<DescMessage> {
  try {
    return fromBinary(input, bytes)
  } catch (error) {
    throw new CriProblem('invalidArgument', `the request is no ${input.typeName}: ${(error as Error).message}`)
  }
}

const servedCall =
  (method: DescMethod, handler: UnaryHandler, { calls, log }: Binding) =>
  (call: ServerUnaryCall<Buffer, unknown>, answer: sendUnaryData<unknown>): void => {
    const gone = new AbortController()
    call.on('cancelled', () => gone.abort())
    const work = async (): Promise<MessageInitShape<DescMessage>> => {
      const end = calls.begin()
      try {
        return await handler(requestOf(method, call.request), gone.signal)
      } finally {
        end()
      }
    }
    work().then(
      (message) => answer(null, message),
      (error: unknown) => answer(told(method, error, log) as never),
    )
  }

const servedStream =
  (method: DescMethod, handler: StreamHandler, { streams, log, stopping }: Binding) =>
  (call: ServerWritableStream<Buffer, unknown>): void => {
    const gone = new AbortController()
    const leave = (): void => gone.abort()
    call.on('cancelled', leave)
    call.on('close', leave)
    call.on('error', leave)
    const work = async (): Promise<void> => {
      const end = streams.begin()
      try {
        for await (const message of handler(requestOf(method, call.request), AbortSignal.any([gone.signal, stopping]))) {
          if (gone.signal.aborted) return
          if (!call.write(message)) await drained(call, gone.signal)
        }
      } finally {
        end()
      }
    }
    work().then(
      () => call.end(),
      (error: unknown) => {
        if (!gone.signal.aborted) call.emit('error', told(method, error, log))
      },
    )
  }

function drained(call: ServerWritableStream<Buffer, unknown>, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  call.once('drain', resolve)
  signal.addEventListener('abort', () => resolve(), { once: true })
  return promise
}

function told(method: DescMethod, error: unknown, log: Log): { readonly code: number; readonly details: string } {
  const { code, details, isOurs } = problemOf(error)
  if (isOurs) log.error('a call failed for a reason that nobody expected', { method: method.name, error })
  else log.debug('a call is refused', { method: method.name, code, details })
  return { code, details }
}
