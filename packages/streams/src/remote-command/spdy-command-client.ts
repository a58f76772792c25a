import type { Duplex } from 'node:stream'
import type { Clock } from '@bramble/reconcile/env'
import type { Stdio, TerminalSize } from '../remote-process.ts'
import { SpdySession } from '../spdy/spdy-session.ts'
import type { SpdyStream } from '../spdy/spdy-stream.ts'
import type { CommandClient, CommandEnd } from './command-client.ts'
import { ResizeReader } from './resize-reader.ts'

/** The client opens all its streams at once: this is a client that never will. Source: kubelet, DefaultStreamCreationTimeout. */
const STREAMS_MS = 30_000
const STREAMS_MAX = 8

export const SPDY_PROTOCOLS = ['v5', 'v4', 'v3', 'v2'].map((version) => `${version}.channel.k8s.io`).concat('channel.k8s.io')

/**
 * Waits until the client has opened the streams of `stdio`. Rejects when it goes away or opens them not in time; the connection is over then.
 * @param protocol '' is the first version. @see Source: kubelet pkg/cri/streaming/remotecommand, httpstream.go.
 */
export async function spdyCommandClient(connection: Duplex, protocol: string, stdio: Stdio, clock: Clock): Promise<CommandClient> {
  const version = Number(/^v([2-5])\./.exec(protocol)?.[1] ?? 1)
  const expected = expectedStreams(stdio, version)
  const streams = new Map<string, SpdyStream>()
  const { promise: complete, resolve } = Promise.withResolvers<void>()
  const onStream = (stream: SpdyStream): void => {
    const type = stream.headers.get('streamtype') ?? ''
    if (!expected.includes(type) || streams.has(type)) throw new Error(`unexpected stream type: ${JSON.stringify(type)}`)
    streams.set(type, stream)
    if (streams.size === expected.length) resolve()
  }
  const session = new SpdySession(connection, { side: 'server', clock, onStream, streamsMax: STREAMS_MAX })
  const gone = new AbortController()
  void session.ended.then(() => gone.abort())
  const waited = new AbortController()
  await Promise.race([complete, session.ended, clock.sleep(STREAMS_MS, waited.signal)])
  waited.abort()
  if (streams.size < expected.length) {
    session.destroy()
    throw new Error(gone.signal.aborted ? 'the client is gone' : 'timed out waiting for client to create streams')
  }
  return new SpdyCommandClient(session, streams, version, gone.signal)
}

function expectedStreams(stdio: Stdio, version: number): readonly string[] {
  return [
    'error',
    ...(stdio.stdin ? ['stdin'] : []),
    ...(stdio.stdout ? ['stdout'] : []),
    ...(stdio.stderr && !stdio.tty ? ['stderr'] : []),
    ...(stdio.tty && version >= 3 ? ['resize'] : []),
  ]
}

class SpdyCommandClient implements CommandClient {
  readonly gone: AbortSignal
  readonly #session: SpdySession
  readonly #streams: ReadonlyMap<string, SpdyStream>
  readonly #version: number

  constructor(session: SpdySession, streams: ReadonlyMap<string, SpdyStream>, version: number, gone: AbortSignal) {
    this.#session = session
    this.#streams = streams
    this.#version = version
    this.gone = gone
    for (const name of ['error', 'stdout', 'stderr']) streams.get(name)?.resume() // clients say nothing there; their end is heard
  }

  get stdin(): SpdyStream | undefined {
    return this.#streams.get('stdin')
  }
  get stdout(): SpdyStream | undefined {
    return this.#streams.get('stdout')
  }
  get stderr(): SpdyStream | undefined {
    return this.#streams.get('stderr')
  }

  onResize(take: (size: TerminalSize) => void): void {
    const reader = new ResizeReader()
    this.#streams.get('resize')?.on('data', (bytes: Buffer) => reader.push(bytes).forEach(take))
  }

  async finish({ status, text }: CommandEnd): Promise<void> {
    this.#streams.get('error')?.end(this.#version >= 4 ? status : text)
    for (const stream of this.#streams.values()) stream.end()
    await this.#session.close()
  }

  destroy(): void {
    this.#session.destroy()
  }
}
