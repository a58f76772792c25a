import { readFile } from 'node:fs/promises'
import type { Duplex } from 'node:stream'
import type { Clock } from '@bramble/reconcile/env'
import type { ProcessEnd, RemoteProcess, Stdio } from '@bramble/streams/remote-process'
import { execExitCode } from '../podman/convert.ts'
import { type StreamService, RuntimeError } from '../runtime.ts'
import { type CriClient, reasoned } from './cri-client.ts'
import { RuntimeService } from './grpc/api_pb.js'
import { verboseInfo } from './observed.ts'

/** Streams by the server that the runtime names in its answers. The protocol's parts are loaded with the first stream. */
export class CriStreams implements StreamService {
  readonly #client: CriClient
  readonly #clock: Clock

  constructor(client: CriClient, clock: Clock) {
    this.#client = client
    this.#clock = clock
  }

  async openExec(containerId: string, command: readonly string[], stdio: Stdio, signal: AbortSignal): Promise<RemoteProcess> {
    const request = { containerId, cmd: [...command], ...stdio, stderr: stdio.stderr && !stdio.tty }
    const { url } = await reasoned('RuntimeUnavailable', this.#client.call(RuntimeService.method.exec, request, { signal }))
    const remote = await this.#open(url, stdio, signal)
    return { ...remote, ended: remote.ended.catch(endOfNothing) }
  }

  async openAttach(containerId: string, stdio: Stdio, signal: AbortSignal): Promise<RemoteProcess> {
    const request = { containerId, ...stdio, stderr: stdio.stderr && !stdio.tty }
    const { url } = await reasoned('RuntimeUnavailable', this.#client.call(RuntimeService.method.attach, request, { signal }))
    return this.#open(url, stdio, signal)
  }

  async openPort(sandboxId: string, port: number, signal: AbortSignal): Promise<Duplex> {
    await this.#checkListener(sandboxId, port)
    const request = { podSandboxId: sandboxId, port: [port] }
    const { url } = await reasoned('RuntimeUnavailable', this.#client.call(RuntimeService.method.portForward, request, { signal }))
    const { openForwardedPort } = await import('./forwarded-port.ts')
    return openForwardedPort(new URL(url), port, this.#clock, signal)
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

  /** The runtime would only say later that nothing listens, on a stream that is open by then. */
  async #checkListener(sandboxId: string, port: number): Promise<void> {
    const asked = this.#client.call(RuntimeService.method.podSandboxStatus, { podSandboxId: sandboxId, verbose: true })
    const pid = verboseInfo((await reasoned('RuntimeUnavailable', asked)).info)?.pid
    if (!pid) return
    const tables = await Promise.all(['tcp', 'tcp6'].map((name) => readFile(`/proc/${pid}/net/${name}`, 'utf8').catch(() => undefined)))
    if (tables.every((table) => table === undefined) || tables.some((table) => table && listens(table, port))) return
    throw new RuntimeError('RuntimeUnavailable', `failed to connect to localhost:${port} inside the pod: connection refused`)
  }
}

/** A command that could not be run ends as a shell says it; the runtime tells that in words alone. */
function endOfNothing(error: unknown): ProcessEnd {
  const exitCode = error instanceof Error ? execExitCode(OWN_FAILURE, error.message) : undefined
  if (exitCode === 126 || exitCode === 127) return { exitCode }
  throw error
}

/** As what a runtime ends with when it failed itself. */
export const OWN_FAILURE = 255
const LISTEN = '0A'
/** 127.0.0.0/8, any, ::1, ::, and IPv4 ones of the first two in IPv6; bytes in the order of this machine's words. */
const REACHED_BY_LOOPBACK = /^(?:0{8}|[0-9A-F]{6}7F|0{32}|0{24}01000000|0{16}FFFF0000(?:0{8}|[0-9A-F]{6}7F))$/

/** Whether somebody accepts connections to this port on the loopback. @param table `/proc/net/tcp` or `tcp6`. */
export function listens(table: string, port: number): boolean {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0')
  return table.split('\n').some((line) => {
    const [, local = '', , state] = line.trim().split(/\s+/)
    const [address = '', localPort] = local.split(':')
    return state === LISTEN && localPort === hexPort && REACHED_BY_LOOPBACK.test(address)
  })
}
