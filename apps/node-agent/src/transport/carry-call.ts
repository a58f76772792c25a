import type { Duplex, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { badRequest, serviceUnavailable, StatusError } from '@bramble/api/status-error'
import type {
  AttachRequest,
  Ended,
  ExecRequest,
  ForwardRequest,
  LogsRequest,
  NodeFrame,
  ServerFrame,
  Stdio,
} from '@bramble/link/grpc/stream'
import { CHUNK_BYTES_MAX, FrameWriter } from '@bramble/link/grpc/frame-writer'
import type { Log } from '@bramble/reconcile/env'
import { Signal } from '@bramble/reconcile/signal'
import type { RemoteProcess, TerminalSize } from '@bramble/streams/remote-process'
import type { ClientDuplexStream } from '@grpc/grpc-js'

export type Carry = ClientDuplexStream<NodeFrame, ServerFrame>

/** Where bytes come from and go to on this node. What they throw as StatusError is for the user to see. */
export interface StreamSources {
  /** Throws when it is called, if there is no such log. Ends when `signal` aborts. */
  readonly logs: (request: LogsRequest, signal: AbortSignal) => AsyncIterable<Uint8Array>
  readonly exec: (request: ExecRequest, signal: AbortSignal) => Promise<RemoteProcess>
  readonly attach: (request: AttachRequest, signal: AbortSignal) => Promise<RemoteProcess>
  /** Without a pod: to the agent's own HTTP server. */
  readonly forward: (request: ForwardRequest, signal: AbortSignal) => Promise<Duplex>
}

// Numbers of the protocol, whose generated code is loaded with the first stream only.
const STDIN = 0
const STDOUT = 1
const STDERR = 2
const MESSAGE_LENGTH_MAX = 4096

/** Something that is carried, whatever it is. */
interface Source {
  readonly outputs: readonly (readonly [channel: 1 | 2, bytes: AsyncIterable<Uint8Array>])[]
  readonly input?: Writable
  readonly resize?: (size: TerminalSize) => void
  /** Its exit code. */
  readonly ended: Promise<number>
  /** Lets go of it. */
  readonly drop: () => void
}

/**
 * Carries one stream over a call whose first frame from the server was read. Resolves when the server has hung up; whatever happens,
 * nothing of the stream is left on this node then. Never rejects.
 *
 * @param signal Aborts when the call is gone or the agent stops.
 */
export async function carryCall(call: Carry, first: ServerFrame, sources: StreamSources, log: Log, signal: AbortSignal): Promise<void> {
  const writer = new FrameWriter<NodeFrame>(call, signal)
  const broken = new AbortController()
  const until = AbortSignal.any([signal, broken.signal])
  let source: Source | undefined
  let fed: Promise<void> | undefined
  try {
    const opening = openSource(first, sources, until)
    opening.then((late) => until.aborted && late.drop()).catch(() => {}) // of a runtime that did not listen
    source = await untilAborted(opening, until)
    await writer.write({ frame: { $case: 'opened', value: {} } })
    fed = feed(call, source).catch((violation: unknown) => broken.abort(violation))
    const sent = Promise.all(source.outputs.map(([channel, bytes]) => send(writer, channel, bytes, until)))
    const exitCode = await untilAborted(Promise.all([source.ended, sent]), until)
    await writer.write(ended({ exitCode: exitCode[0] }))
  } catch (error) {
    if (!until.aborted) await writer.write(ended(failure(error, log)))
  }
  source?.drop()
  call.end()
  if (!fed) call.resume()
  await new Signal().wait(until)
  if (!broken.signal.aborted) return
  log.warn('the control plane broke the protocol of streams', { error: broken.signal.reason })
  call.cancel()
}

async function openSource({ frame }: ServerFrame, sources: StreamSources, signal: AbortSignal): Promise<Source> {
  switch (frame?.$case) {
    case 'logs':
      return { outputs: [[STDOUT, sources.logs(frame.value, signal)]], ended: Promise.resolve(0), drop: () => {} }
    case 'exec':
      return processSource(await sources.exec(frame.value, signal), frame.value.stdio)
    case 'attach':
      return processSource(await sources.attach(frame.value, signal), frame.value.stdio)
    case 'forward':
      return connectionSource(await sources.forward(frame.value, signal))
    default:
      throw badRequest('this node does not know such a stream')
  }
}

/** Only what was asked for is carried, whatever the runtime gives. */
function processSource({ stdin, stdout, stderr, resize, ended }: RemoteProcess, asked: Stdio | undefined): Source {
  const streams = [stdin, stdout, stderr].filter((stream) => stream !== undefined)
  for (const stream of streams) stream.on('error', () => {}) // `ended` tells
  const wanted = [[STDOUT, asked?.stdout, stdout] as const, [STDERR, asked?.stderr && !asked.tty, stderr] as const]
  for (const [, isWanted, stream] of wanted) if (!isWanted) stream?.resume()
  return {
    outputs: wanted.flatMap(([channel, isWanted, stream]) => (isWanted && stream ? [[channel, whileWell(stream)] as const] : [])),
    ...(stdin && asked?.stdin && { input: stdin }),
    resize,
    ended: ended.then(({ exitCode }) => exitCode),
    drop: () => {
      for (const stream of streams) stream.destroy()
    },
  }
}

function connectionSource(connection: Duplex): Source {
  connection.on('error', () => {})
  return {
    outputs: [[STDOUT, inWords(connection)]],
    input: connection,
    ended: finished(connection).then(() => 0, refused),
    drop: () => connection.destroy(),
  }
}

/** To the end or to a failure, of which something else tells. */
async function* whileWell(bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  try {
    yield* bytes
  } catch {
    return
  }
}

async function* inWords(bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  try {
    yield* bytes
  } catch (error) {
    refused(error)
  }
}

function refused(error: unknown): never {
  throw serviceUnavailable(error instanceof Error ? error.message : String(error))
}

async function send(writer: FrameWriter<NodeFrame>, channel: 1 | 2, bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
  for await (const each of bytes) {
    await writer.bytes(channel, each)
    if (signal.aborted) return
  }
  await writer.close(channel)
}

/** What comes from the server, until it hangs up. @throws Error that says how it breaks the protocol. */
async function feed(call: Carry, { input, resize }: Source): Promise<void> {
  let isClosed = input === undefined
  for await (const { frame } of frames(call)) {
    if (frame?.$case === 'resize') resize?.(frame.value)
    else if (frame?.$case !== 'chunk' && frame?.$case !== 'closed') throw new Error('only the first frame says what is wanted')
    else if (isClosed || !input || frame.value.channel !== STDIN) throw new Error(`channel ${frame.value.channel} is not open`)
    else if (frame.$case === 'closed') {
      isClosed = true
      if (!input.destroyed) input.end()
    } else if (frame.value.data.length > CHUNK_BYTES_MAX) throw new Error('a chunk is too large')
    else await write(input, frame.value.data)
  }
}

/** A call that breaks off has ended: its signal tells. */
async function* frames(call: Carry): AsyncGenerator<ServerFrame, void> {
  try {
    yield* call.iterator({ destroyOnReturn: false }) as AsyncIterable<ServerFrame>
  } catch {
    return
  }
}

/** Resolves when there is room for more. Who reads no more gets no more: that is no failure of the stream. */
function write(input: Writable, bytes: Buffer): Promise<void> {
  if (input.destroyed || input.writableEnded || input.write(bytes)) return Promise.resolve()
  return new Promise((resolve) => {
    const go = (): void => {
      input.off('drain', go).off('close', go)
      resolve()
    }
    input.on('drain', go).on('close', go)
  })
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const over = new AbortController()
  work.catch(() => {}) // when nobody waits any more
  try {
    const aborted = new Signal().wait(AbortSignal.any([signal, over.signal])).then(() => Promise.reject(signal.reason as Error))
    aborted.catch(() => {})
    return await Promise.race([work, aborted])
  } finally {
    over.abort()
  }
}

const ended = (value: Partial<Ended>): NodeFrame => ({
  frame: { $case: 'ended', value: { code: 0, reason: '', message: '', exitCode: 0, ...value } },
})

function failure(error: unknown, log: Log): Partial<Ended> {
  if (!(error instanceof StatusError)) log.error('a stream failed', { error })
  const { code, reason, message } = error instanceof StatusError ? error : UNFORESEEN
  return { code, reason, message: message.slice(0, MESSAGE_LENGTH_MAX) }
}
const UNFORESEEN = new StatusError(500, 'InternalError', "the node could not carry the stream; see the agent's own log")
