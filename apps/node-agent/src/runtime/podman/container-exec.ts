import { PassThrough, type Readable, Transform } from 'node:stream'
import type { ProcessEnd, RemoteProcess, Stdio } from '@bramble/streams/remote-process'
import { type PipedProcess, runTalkative, startPiped } from '../../host/exec.ts'
import { RuntimeError } from '../runtime.ts'
import { execExitCode } from './convert.ts'
import { commandMark, execArguments, killCommand, ociRuntimeOf, removeMark } from './oci-commands.ts'

const OUTPUT_BYTES_MAX = 10 << 10
const TAIL_BYTES = 2 << 10
const SLACK_MS = 5_000

// Commands without a terminal are run by the OCI runtime itself: Podman's own way writes to the disk for each command and keeps a
// process for five minutes, too dear for a probe every ten seconds.

/**
 * Runs a command inside a running container to its end.
 *
 * @param directory For a short-lived file.
 * @returns Exit code and the first 10 KiB of both outputs together; 126 or 127 when it cannot be run, as a shell says it.
 * @throws RuntimeError `ExecTimeout`, the command is killed then; `RuntimeUnavailable` when the container does not run.
 */
export async function execInContainer(
  containerId: string,
  command: readonly string[],
  timeoutMs: number,
  directory: string,
): Promise<{ readonly exitCode: number; readonly output: string }> {
  const program = await ociRuntimeOf(containerId)
  const mark = commandMark(directory, containerId)
  const limit = AbortSignal.timeout(timeoutMs)
  const kill = (): void => killCommand(mark)
  limit.addEventListener('abort', kill, { once: true })
  try {
    const { exitCode, output } = await runTalkative(program, await execArguments(program, containerId, command, mark), {
      timeoutMs: timeoutMs + SLACK_MS,
      keepBytes: OUTPUT_BYTES_MAX,
    })
    if (limit.aborted) throw new RuntimeError('ExecTimeout', `command "${command[0]}" did not end within ${timeoutMs} ms`)
    return { exitCode: codeOf(program, exitCode, output), output }
  } catch (error) {
    if (error instanceof RuntimeError) throw error
    throw new RuntimeError(limit.aborted ? 'ExecTimeout' : 'RuntimeUnavailable', (error as Error).message, { cause: error })
  } finally {
    limit.removeEventListener('abort', kill)
    await removeMark(mark)
  }
}

/**
 * Runs a command inside for somebody who watches: its own pipes, so that back-pressure and the end of the input are the kernel's.
 * It is killed when `signal` aborts or a stream is destroyed.
 *
 * @throws RuntimeError `RuntimeUnavailable` when the container does not run.
 */
export async function openInContainer(
  containerId: string,
  command: readonly string[],
  stdio: Stdio,
  directory: string,
  signal: AbortSignal,
): Promise<RemoteProcess> {
  const program = await ociRuntimeOf(containerId)
  signal.throwIfAborted()
  const mark = commandMark(directory, containerId)
  const child = startPiped(program, await execArguments(program, containerId, command, mark), stdio)
  const tail = new Tail()
  const stderr = child.stderr.pipe(tail)
  const errors = stdio.stderr ? stderr.pipe(new PassThrough()) : undefined
  if (!errors) stderr.resume()
  const stopped = new AbortController()
  const kill = (): void => {
    stopped.abort(new RuntimeError('RuntimeUnavailable', 'the stream of the command was closed'))
    killCommand(mark)
    child.kill()
    errors?.destroy()
  }
  const ended = follow(child, { program, tail, mark, signal, stopped: stopped.signal, errors, kill })
  ended.catch(() => {}) // who does not look at it does not care
  return {
    ...(child.stdin && { stdin: child.stdin }),
    ...(child.stdout && { stdout: child.stdout }),
    ...(errors && { stderr: errors }),
    resize: () => {},
    ended,
  }
}

interface Following {
  readonly program: string
  readonly tail: Tail
  readonly mark: string
  readonly signal: AbortSignal
  /** It was killed by us. */
  readonly stopped: AbortSignal
  readonly errors: Readable | undefined
  readonly kill: () => void
}

async function follow(child: PipedProcess, { program, tail, mark, signal, stopped, errors, kill }: Following): Promise<ProcessEnd> {
  signal.addEventListener('abort', kill, { once: true })
  if (signal.aborted) kill()
  for (const stream of [child.stdout, errors]) stream?.once('close', () => !stream.readableEnded && kill())
  child.stdin?.once('close', () => !child.stdin!.writableEnded && child.isRunning() && kill())
  try {
    const { exitCode } = await child.ended
    signal.throwIfAborted()
    stopped.throwIfAborted()
    if (exitCode === undefined) throw new RuntimeError('RuntimeUnavailable', `${program} was ended before the command`)
    return { exitCode: codeOf(program, exitCode, tail.text) }
  } finally {
    signal.removeEventListener('abort', kill)
    await removeMark(mark)
  }
}

function codeOf(program: string, exitCode: number, output: string): number {
  const code = execExitCode(exitCode, output)
  if (code === undefined) throw new RuntimeError('RuntimeUnavailable', `${program}: ${output.trim()}`)
  return code
}

/** Passes everything on and remembers the last of it. */
class Tail extends Transform {
  #last = Buffer.alloc(0)

  get text(): string {
    return this.#last.toString('utf8')
  }

  override _transform(chunk: Buffer, _encoding: string, done: (error: null, chunk: Buffer) => void): void {
    this.#last = Buffer.concat([this.#last, chunk]).subarray(-TAIL_BYTES)
    done(null, chunk)
  }
}
