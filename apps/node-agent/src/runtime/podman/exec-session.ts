import { RuntimeError } from '../runtime.ts'
import { type PodmanClient, PodmanError } from './client.ts'

const OUTPUT_BYTES_MAX = 10 << 10
const HEADER_BYTES = 8

/**
 * Runs a command inside a container to its end.
 *
 * @returns Exit code and the first 10 KiB of both outputs together; 126 and 127 when it cannot be run, as a shell says it.
 * @throws RuntimeError `ExecTimeout`; the command is killed then.
 */
export async function execInContainer(
  client: PodmanClient, containerId: string, command: readonly string[], timeoutMs: number,
): Promise<{ readonly exitCode: number; readonly output: string }> {
  const limit = AbortSignal.timeout(timeoutMs)
  const { Id } = await client.call<{ Id: string }>('POST', `/containers/${containerId}/exec`, {
    body: { Cmd: command, AttachStdout: true, AttachStderr: true, Tty: false }, timeoutMs: timeoutMs + SLACK_MS,
  })
  try {
    const output = await collect(client, Id, limit)
    const { ExitCode } = await client.call<ExecInspection>('GET', `/exec/${Id}/json`)
    return { exitCode: ExitCode, output }
  } catch (error) {
    if (limit.aborted) {
      await kill(client, Id)
      throw new RuntimeError('ExecTimeout', `command "${command[0]}" did not end within ${timeoutMs} ms`, { cause: error })
    }
    if (error instanceof PodmanError && CANNOT_RUN.test(error.message))
      return { exitCode: /permission denied/i.test(error.message) ? 126 : 127, output: error.message }
    throw error
  }
}

interface ExecInspection {
  readonly ExitCode: number
  readonly Running: boolean
  readonly Pid: number
}
const SLACK_MS = 10_000
const CANNOT_RUN = /not found|no such file|permission denied/i

async function collect(client: PodmanClient, execId: string, limit: AbortSignal): Promise<string> {
  const { socket, head } = await client.hijack(`/exec/${execId}/start`, { Detach: false, Tty: false }, limit)
  const stop = (): void => void socket.destroy(limit.reason as Error)
  limit.addEventListener('abort', stop, { once: true })
  if (limit.aborted) stop()
  const frames = new FrameReader(OUTPUT_BYTES_MAX)
  frames.push(head)
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) frames.push(chunk)
  } finally {
    limit.removeEventListener('abort', stop)
    socket.destroy()
  }
  return frames.text()
}

/** Podman gives a timed-out session no end of its own. */
async function kill(client: PodmanClient, execId: string): Promise<void> {
  const { Running, Pid } = await client.call<ExecInspection>('GET', `/exec/${execId}/json`)
  if (!Running || Pid <= 1) return
  try {
    process.kill(Pid, 'SIGKILL')
  } catch {
    // it ended by itself
  }
}

/** Takes the framed stream apart: one byte stream number, three of zero, four of length, then the bytes. */
export class FrameReader {
  readonly #bytesMax: number
  #pending: Buffer = Buffer.alloc(0)
  readonly #kept: Buffer[] = []
  #keptBytes = 0
  #frameBytes = 0

  /** @param bytesMax Of output that is kept; the rest is read and dropped. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  push(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    for (;;) {
      if (this.#frameBytes === 0) {
        if (this.#pending.length < HEADER_BYTES) return
        this.#frameBytes = this.#pending.readUInt32BE(4)
        this.#pending = this.#pending.subarray(HEADER_BYTES)
        continue
      }
      if (this.#pending.length === 0) return
      const part = this.#pending.subarray(0, this.#frameBytes)
      this.#keep(part)
      this.#frameBytes -= part.length
      this.#pending = this.#pending.subarray(part.length)
    }
  }

  text(): string {
    return Buffer.concat(this.#kept).toString('utf8')
  }

  #keep(part: Buffer): void {
    const room = part.subarray(0, this.#bytesMax - this.#keptBytes)
    if (room.length === 0) return
    this.#kept.push(Buffer.from(room))
    this.#keptBytes += room.length
  }
}
