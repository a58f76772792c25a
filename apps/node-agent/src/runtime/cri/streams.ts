import { type Duplex, pipeline, type Readable, Transform, type TransformCallback } from 'node:stream'
import type { Clock } from '@bramble/reconcile/env'
import type { ProcessEnd, RemoteProcess, Stdio } from '@bramble/streams/remote-process'
import { PortConnections } from '../podman/port-connections.ts'
import { type StreamService, RuntimeError } from '../runtime.ts'
import { type CriClient, reasoned } from './cri-client.ts'
import { unrunnableExitCode } from './exec-sync.ts'
import { NamespaceMode, RuntimeService } from './grpc/api_pb.js'
import { networkNamespace, verboseInfo } from './observed.ts'

/** Streams by the server that the runtime names in its answers, ports without it. SPDY is loaded with the first stream. */
export class CriStreams implements StreamService {
  readonly #client: CriClient
  readonly #clock: Clock
  readonly #ports: PortConnections

  constructor(client: CriClient, clock: Clock) {
    this.#client = client
    this.#clock = clock
    this.#ports = new PortConnections(clock)
  }

  async openExec(containerId: string, command: readonly string[], stdio: Stdio, signal: AbortSignal): Promise<RemoteProcess> {
    const request = { containerId, cmd: [...command], ...stdio, stderr: stdio.stderr && !stdio.tty }
    const { url } = await reasoned('RuntimeUnavailable', this.#client.call(RuntimeService.method.exec, request, { signal }))
    const remote = await this.#open(url, stdio, signal)
    const ended: Promise<EndInWords> = remote.ended.catch(endOfNothing)
    const words = ended.then(
      (end) => end.words,
      () => undefined,
    )
    const last = (output: Readable): Readable => pipeline(output, new WithLastWords(words), () => {})
    return {
      ...remote,
      ...(remote.stderr ? { stderr: last(remote.stderr) } : remote.stdout && { stdout: last(remote.stdout) }),
      ended: ended.then(({ exitCode }) => ({ exitCode })),
    }
  }

  async openAttach(containerId: string, stdio: Stdio, signal: AbortSignal): Promise<RemoteProcess> {
    const request = { containerId, ...stdio, stderr: stdio.stderr && !stdio.tty }
    const { url } = await reasoned('RuntimeUnavailable', this.#client.call(RuntimeService.method.attach, request, { signal }))
    return this.#open(url, stdio, signal)
  }

  async openPort(sandboxId: string, port: number, signal: AbortSignal): Promise<Duplex> {
    const asked = this.#client.call(RuntimeService.method.podSandboxStatus, { podSandboxId: sandboxId, verbose: true }, { signal })
    const { status, info } = await reasoned('RuntimeUnavailable', asked)
    if (status?.linux?.namespaces?.options?.network === NamespaceMode.NODE) return this.#ports.open(undefined, port, signal)
    const netns = networkNamespace(verboseInfo(info))
    if (netns === undefined)
      throw new RuntimeError('RuntimeUnavailable', `the container runtime does not tell where the network of pod ${sandboxId} is`)
    return this.#ports.open(netns, port, signal)
  }

  close(): void {
    this.#ports.close()
  }

  async #open(url: string, stdio: Stdio, signal: AbortSignal): Promise<RemoteProcess> {
    const { openRemoteProcess } = await import('@bramble/streams/remote-command/spdy-client')
    try {
      return await openRemoteProcess({ url: new URL(url) }, stdio, this.#clock, signal)
    } catch (error) {
      signal.throwIfAborted()
      throw new RuntimeError('RuntimeUnavailable', (error as Error).message, { cause: error })
    }
  }
}

interface EndInWords extends ProcessEnd {
  /** Why the command could not be run. */
  readonly words?: string
}

function endOfNothing(error: unknown): EndInWords {
  const exitCode = error instanceof Error ? unrunnableExitCode(error) : undefined
  if (exitCode === undefined) throw error
  return { exitCode, words: `${(error as Error).message}\n` }
}

/** An output, and at its end what the runtime has to say. */
class WithLastWords extends Transform {
  readonly #words: Promise<string | undefined>

  constructor(words: Promise<string | undefined>) {
    super()
    this.#words = words
  }

  override _transform(bytes: Uint8Array, _encoding: BufferEncoding, done: TransformCallback): void {
    done(null, bytes)
  }

  override _flush(done: TransformCallback): void {
    void this.#words.then((words) => done(null, words))
  }
}
