import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import type { Socket } from 'node:net'
import { PassThrough, pipeline, type Readable, type Writable } from 'node:stream'
import { execa } from 'execa'

export interface CommandOptions {
  readonly signal?: AbortSignal
  /** Then SIGTERM, five seconds later SIGKILL. Default 30 000. */
  readonly timeoutMs?: number
  /** Bytes for its standard input, which is closed afterwards. Without it standard input is empty. */
  readonly input?: string | Uint8Array
  /** Added to this process's own environment. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** More than this on one of the outputs ends the command with an error. Default 1 MiB. */
  readonly maxOutputBytes?: number
  /** Exit codes that are answers, not failures. Default: 0 alone. */
  readonly exitCodes?: readonly number[] | 'any'
}

export interface CommandResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** A command of the host failed. The message names it, its exit code and the first lines of its standard error; never its arguments or input. */
export class HostError extends Error {
  override readonly name = 'HostError'
  readonly command: string
  /** Absent when it was not started, timed out or was killed. */
  readonly exitCode: number | undefined
  readonly stdout: string
  readonly stderr: string
  constructor(command: string, problem: string, result: Partial<CommandResult>, options?: ErrorOptions) {
    const words = firstLines(result.stderr ?? '')
    super(`${command} ${problem}${words === '' ? '' : `: ${words}`}`, options)
    this.command = command
    this.exitCode = result.exitCode
    this.stdout = result.stdout ?? ''
    this.stderr = result.stderr ?? ''
  }
}

/**
 * Runs a program of the host to its end; no shell is involved.
 *
 * @throws HostError when it cannot be started, exits with a code that is not in `exitCodes`, says too much, or is ended by the
 * time limit or `signal`.
 */
export async function runCommand(file: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS
  const child = execa(file, args, {
    reject: false,
    stripFinalNewline: false,
    timeout: timeoutMs,
    maxBuffer: options.maxOutputBytes ?? OUTPUT_BYTES_MAX,
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    ...(options.signal && { cancelSignal: options.signal }),
    ...(options.env && { env: options.env }),
    ...(options.cwd && { cwd: options.cwd }),
  })
  using _guard = letGoOfOutputs(child.nodeChildProcess, timeoutMs, options.signal)
  const result = await child
  const stdout = String(result.stdout ?? '')
  const stderr = String(result.stderr ?? '')
  const told = { stdout, stderr }
  if (result.timedOut) throw new HostError(file, `did not end within ${timeoutMs} ms`, told)
  if (result.isCanceled) throw new HostError(file, 'was cancelled', told)
  if (result.isMaxBuffer) throw new HostError(file, `wrote more than ${options.maxOutputBytes ?? OUTPUT_BYTES_MAX} bytes`, { stdout })
  if (result.signal !== undefined) throw new HostError(file, `was ended by ${result.signal}`, told)
  if (result.exitCode === undefined) throw notStarted(file, result.cause)
  const allowed = options.exitCodes ?? [0]
  if (allowed !== 'any' && !allowed.includes(result.exitCode))
    throw new HostError(file, `failed with exit code ${result.exitCode}`, { ...told, exitCode: result.exitCode })
  return { exitCode: result.exitCode, stdout, stderr }
}

/**
 * Lines of a program that runs until `signal` aborts; ends when it ends. No more than one line is held back.
 * @throws HostError when it cannot be started or ends with another exit code than 0.
 */
export async function* followLines(file: string, args: readonly string[], signal: AbortSignal): AsyncIterable<string> {
  const child = execa(file, args, { reject: false, stdin: 'ignore', buffer: false, cancelSignal: signal })
  for await (const line of child) yield line
  const { exitCode, cause } = await child
  if (signal.aborted) return
  if (exitCode === undefined) throw notStarted(file, cause)
  if (exitCode !== 0) throw new HostError(file, `failed with exit code ${exitCode}`, { exitCode })
}

/**
 * Runs a program that may say much to its end: any exit code is an answer, of its outputs (as one text) the first `keepBytes` are kept.
 *
 * @throws HostError when it cannot be started, or is ended by a signal or by its time limit.
 */
export async function runTalkative(
  file: string,
  args: readonly string[],
  options: { readonly timeoutMs: number; readonly keepBytes: number },
): Promise<{ readonly exitCode: number; readonly output: string }> {
  const child = execa(file, args, {
    reject: false,
    buffer: false,
    all: true,
    stdin: 'ignore',
    timeout: options.timeoutMs,
    forceKillAfterDelay: KILL_AFTER_MS,
  })
  using _guard = letGoOfOutputs(child.nodeChildProcess, options.timeoutMs)
  const kept: Uint8Array[] = []
  let room = options.keepBytes
  child.all.on('data', (chunk: Uint8Array) => {
    if (room > 0) kept.push(chunk.subarray(0, room))
    room = Math.max(0, room - chunk.length)
  })
  const result = await child
  const output = Buffer.concat(kept).toString('utf8')
  if (result.timedOut) throw new HostError(file, `did not end within ${options.timeoutMs} ms`, { stdout: output })
  if (result.signal !== undefined) throw new HostError(file, `was ended by ${result.signal}`, { stdout: output })
  if (result.exitCode === undefined) throw notStarted(file, result.cause)
  return { exitCode: result.exitCode, output }
}

export interface DetachedProcess {
  readonly pid: number
  /** Resolves when it ends, if this process still runs then. Never rejects; no code when a signal ended it. */
  readonly ended: Promise<{ readonly exitCode?: number }>
}

/**
 * Starts a program in a session of its own that outlives this process. Its standard input is empty; its outputs are appended to
 * `outputPath` (mode 0600), or dropped.
 *
 * @throws HostError when it cannot be started.
 */
export function startDetached(
  file: string,
  args: readonly string[],
  options: { readonly outputPath?: string; readonly env?: Readonly<Record<string, string>>; readonly cwd?: string } = {},
): DetachedProcess {
  const output = options.outputPath === undefined ? undefined : openSync(options.outputPath, 'a', 0o600)
  const sink = (output ?? 'ignore') as 'ignore' // any descriptor works; execa's types know those below 10
  try {
    const child = execa(file, args, {
      detached: true,
      cleanup: false,
      reject: false,
      buffer: false,
      stdin: 'ignore',
      stdout: sink,
      stderr: sink,
      ...(options.env && { env: options.env }),
      ...(options.cwd && { cwd: options.cwd }),
    })
    child.nodeChildProcess.unref()
    if (child.pid === undefined) throw notStarted(file, undefined)
    return { pid: child.pid, ended: child.then((result) => ({ ...(result.exitCode !== undefined && { exitCode: result.exitCode }) })) }
  } finally {
    if (output !== undefined) closeSync(output)
  }
}

export interface PipedProcess {
  /** Absent unless asked for; errors of a reader that is gone are swallowed. */
  readonly stdin?: Writable
  /** Absent unless asked for. Whoever asks must read it, or destroy it. */
  readonly stdout?: Readable
  readonly stderr: Readable
  isRunning(): boolean
  /** Resolves when it has ended and its outputs were read. Never rejects; no code when a signal ended it. */
  readonly ended: Promise<{ readonly exitCode?: number }>
  /** SIGKILL, and nobody waits for what else holds its outputs open. */
  kill(): void
}

/**
 * Starts a program whose streams are carried as they come: back-pressure reaches it. It has no time limit; who starts it ends it.
 * @throws HostError when it cannot be started.
 */
export function startPiped(
  file: string,
  args: readonly string[],
  { stdin, stdout }: { readonly stdin: boolean; readonly stdout: boolean },
): PipedProcess {
  const child = execa(file, args, {
    reject: false,
    buffer: false,
    stdin: stdin ? 'pipe' : 'ignore',
    stdout: stdout ? 'pipe' : 'ignore',
    stderr: 'pipe',
  })
  if (child.pid === undefined) throw notStarted(file, undefined)
  const program = child.nodeChildProcess
  program.stdin?.on('error', () => {})
  return {
    ...(program.stdin && { stdin: program.stdin }),
    ...(program.stdout && { stdout: waiting(program.stdout) }),
    stderr: waiting(program.stderr!),
    isRunning: () => program.exitCode === null && program.signalCode === null,
    ended: child.then(({ exitCode }) => ({ ...(exitCode !== undefined && { exitCode }) })),
    kill: () => {
      program.kill('SIGKILL')
      for (const stream of [program.stdin, program.stdout, program.stderr]) stream?.destroy()
    },
  }
}

/** execa lets go of what nobody reads at once. */
const waiting = (source: Readable): Readable => pipeline(source, new PassThrough(), () => {})

export interface HelperProcess {
  /** What cannot be sent any more is dropped. */
  send(message: object): void
  stop(): void
  /** Resolves when it has ended. Never rejects. */
  readonly ended: Promise<void>
}

/**
 * Starts a Node.js program that answers messages, and may send open connections along. It ends when this process does.
 *
 * @param wrapper Program and arguments that start it, say in a namespace.
 * @throws HostError when it cannot be started.
 */
export function startHelper(
  wrapper: readonly [string, ...string[]],
  program: string,
  onMessage: (message: unknown, connection: Socket | undefined) => void,
): HelperProcess {
  const [file, ...args] = [...wrapper, process.execPath, ...HELPER_FLAGS, program] as [string, ...string[]]
  const child = execa(file, args, { reject: false, buffer: false, ipc: true, serialization: 'json', stdio: ['ignore', 'ignore', 'ignore'] })
  if (child.pid === undefined) throw notStarted(file, undefined)
  const helper = child.nodeChildProcess
  helper.on('message', (message: unknown, connection: Socket | undefined) => onMessage(message, connection))
  helper.on('error', () => {})
  return {
    send: (message) => void (helper.connected && helper.send(message, () => {})),
    stop: () => void helper.kill('SIGKILL'),
    ended: child.then(() => {}),
  }
}

/** It does little and should need little. */
const HELPER_FLAGS = ['--max-semi-space-size=1', '--max-old-space-size=32', '--optimize-for-size', '--disable-warning=ExperimentalWarning']
const TIMEOUT_MS = 30_000
const OUTPUT_BYTES_MAX = 1 << 20
const KILL_AFTER_MS = 500
const LINES_SHOWN_MAX = 3
const CHARACTERS_SHOWN_MAX = 500

/** A program that was ended may leave a descendant that holds its outputs open: nobody waits for that one. */
function letGoOfOutputs(program: ChildProcess, timeoutMs: number, signal?: AbortSignal): Disposable {
  const limit = AbortSignal.timeout(timeoutMs)
  const destroy = (): void => {
    program.stdout?.destroy()
    program.stderr?.destroy()
  }
  const onEnd = (): void => {
    if (program.exitCode !== null || program.signalCode !== null) destroy()
    else program.once('exit', destroy)
  }
  for (const each of [limit, signal]) each?.addEventListener('abort', onEnd, { once: true })
  return {
    [Symbol.dispose]: () => {
      for (const each of [limit, signal]) each?.removeEventListener('abort', onEnd)
    },
  }
}

function notStarted(file: string, cause: unknown): HostError {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code
  return new HostError(
    file,
    code === 'ENOENT' || code === undefined ? 'is not installed or not executable' : `could not be started (${code})`,
    {},
    { cause },
  )
}

const firstLines = (text: string): string => text.trim().split('\n').slice(0, LINES_SHOWN_MAX).join('\n').slice(0, CHARACTERS_SHOWN_MAX)
