import type { Duplex } from 'node:stream'
import { badRequest } from '@bramble/api/status-error'
import type { Pod } from '@bramble/api/types/pod'
import type { ContainerRef, ForwardRequest, LogsRequest, ServerFrame } from '@bramble/link/grpc/stream'
import type { Clock } from '@bramble/reconcile/env'
import type { RemoteProcess, Stdio } from '@bramble/streams/remote-process'
import type { LogOptions } from '../http/pod-log-options.ts'
import type { PodStreams } from '../http/pod-streams.ts'
import type { PodLogs } from '../http/routes/streams.ts'
import { CarriedStream, type Carried } from './carried-stream.ts'
import type { StreamServer } from './stream-server.ts'

/** Bytes to and from pods and nodes, carried by the node over a call that it makes. */
export class NodeStreams implements PodLogs, PodStreams {
  readonly #streams: StreamServer
  readonly #clock: Clock

  constructor(streams: StreamServer, clock: Clock) {
    this.#streams = streams
    this.#clock = clock
  }

  async open(pod: Pod, options: LogOptions, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const { stdout } = await this.#carry(nodeOf(pod), signal, {
      request: { frame: { $case: 'logs', value: logsRequest(pod, options) } },
      channels: { stdin: false, stdout: true, stderr: false },
      mayIdle: true,
    })
    return untilAborted(stdout!, signal)
  }

  exec(pod: Pod, container: string, command: readonly string[], stdio: Stdio, signal: AbortSignal): Promise<RemoteProcess> {
    const request = { container: containerRef(pod, container), command: [...command], stdio }
    return this.#process(pod, { frame: { $case: 'exec', value: request } }, stdio, signal)
  }

  attach(pod: Pod, container: string, stdio: Stdio, signal: AbortSignal): Promise<RemoteProcess> {
    const request = { container: containerRef(pod, container), stdio }
    return this.#process(pod, { frame: { $case: 'attach', value: request } }, stdio, signal)
  }

  async forward(pod: Pod, port: number, signal: AbortSignal): Promise<Duplex> {
    const { namespace = '', name, uid } = pod.metadata
    return this.#connection(nodeOf(pod), { namespace, pod: name, podUid: uid, port }, signal)
  }

  agent(nodeName: string, signal: AbortSignal): Promise<Duplex> {
    return this.#connection(nodeName, { namespace: '', pod: '', podUid: '', port: 0 }, signal)
  }

  async #process(pod: Pod, request: ServerFrame, { stdin, stdout, stderr, tty }: Stdio, signal: AbortSignal): Promise<RemoteProcess> {
    const stream = await this.#carry(nodeOf(pod), signal, {
      request,
      channels: { stdin, stdout, stderr: stderr && !tty },
      mayIdle: false,
    })
    const ended = stream.ended.then(({ exitCode }) => ({ exitCode }))
    ended.catch(() => {}) // who does not wait for the end need not hear of it
    return {
      ...(stream.stdin && { stdin: stream.stdin }),
      ...(stream.stdout && { stdout: stream.stdout }),
      ...(stream.stderr && { stderr: stream.stderr }),
      resize: (size) => {
        if (tty) stream.resize(size)
      },
      ended,
    }
  }

  async #connection(nodeName: string, value: ForwardRequest, signal: AbortSignal): Promise<Duplex> {
    const { stdout } = await this.#carry(nodeName, signal, {
      request: { frame: { $case: 'forward', value } },
      channels: { stdin: true, stdout: true, stderr: false, duplex: true },
      mayIdle: false,
    })
    return stdout!
  }

  async #carry(nodeName: string, signal: AbortSignal, carried: Pick<Carried, 'request' | 'channels' | 'mayIdle'>): Promise<CarriedStream> {
    const call = await this.#streams.open(nodeName, signal)
    const stream = new CarriedStream(call, { nodeName, signal, clock: this.#clock, ...carried })
    await stream.opened
    return stream
  }
}

/** A reader who leaves has no error to look at. */
async function* untilAborted(bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncIterable<Uint8Array> {
  try {
    yield* bytes
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

function nodeOf({ metadata, spec }: Pod): string {
  if (!spec.nodeName) throw badRequest(`pod ${metadata.name} does not have a host assigned`)
  return spec.nodeName
}

const containerRef = ({ metadata: { namespace = '', name, uid } }: Pod, container: string): ContainerRef => ({
  namespace,
  pod: name,
  podUid: uid,
  container,
})

const logsRequest = (
  pod: Pod,
  { container, follow, previous, timestamps, tailLines, limitBytes, sinceTimeMs, stream }: LogOptions,
): LogsRequest => ({
  ...containerRef(pod, container),
  follow,
  previous,
  timestamps,
  tailLines,
  limitBytes,
  sinceTimeMs,
  stream: stream ?? '',
})
