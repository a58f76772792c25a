import { serviceUnavailable, StatusError, type StatusReason } from '@bramble/api/status-error'
import type { Pod } from '@bramble/api/types/pod'
import type { LogsRequest, NodeFrame } from '@bramble/link/grpc/stream'
import type { LogOptions } from '../http/pod-log-options.ts'
import type { PodLogs } from '../http/routes/streams.ts'
import type { Carry, StreamServer } from './stream-server.ts'

/** Logs of containers, carried by the node that runs them. */
export class NodeLogs implements PodLogs {
  readonly #streams: StreamServer

  constructor(streams: StreamServer) {
    this.#streams = streams
  }

  /** Resolves with the first part of the log, so that an error is still an answer of its own. */
  async open(pod: Pod, options: LogOptions, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const call = await this.#streams.open(pod.spec.nodeName!, signal)
    const chunks = read(call, signal)
    call.write({ frame: { $case: 'logs', value: requestOf(pod, options) } })
    const first = await chunks.next()
    return prepend(first, chunks)
  }
}

/** What the node sends, until it says that this was all. Ends at once, and hangs up, when `signal` aborts. */
async function* read(call: Carry, signal: AbortSignal): AsyncGenerator<Uint8Array, undefined> {
  const stop = (): void => hangUp(call)
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  try {
    for await (const { frame } of call.iterator({ destroyOnReturn: false }) as AsyncIterable<NodeFrame>) {
      if (frame?.$case === 'chunk') yield frame.value.data
      if (frame?.$case !== 'ended') continue
      const { code, reason, message } = frame.value
      if (code !== 0) throw new StatusError(code, reason as StatusReason, message)
      return
    }
    if (!signal.aborted) throw new Error('the call ended before the log did')
  } catch (error) {
    if (signal.aborted) return
    throw error instanceof StatusError ? error : serviceUnavailable('the node went away while it sent the log; try again', { cause: error })
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
  }
}

/** Tells the node that nobody reads any more: a call that is destroyed before its status went out stays open on the wire. */
function hangUp(call: Carry): void {
  if (call.writableFinished) return void call.destroy()
  call.once('finish', () => call.destroy())
  call.end()
}

async function* prepend(
  first: IteratorResult<Uint8Array, undefined>,
  rest: AsyncGenerator<Uint8Array, undefined>,
): AsyncIterable<Uint8Array> {
  try {
    if (first.done) return
    yield first.value
    yield* rest
  } finally {
    await rest.return(undefined)
  }
}

const requestOf = (pod: Pod, { container, follow, previous, timestamps, tailLines, limitBytes, sinceTimeMs }: LogOptions): LogsRequest => ({
  namespace: pod.metadata.namespace ?? '',
  pod: pod.metadata.name,
  podUid: pod.metadata.uid,
  container,
  follow,
  previous,
  timestamps,
  tailLines,
  limitBytes,
  sinceTimeMs,
})
