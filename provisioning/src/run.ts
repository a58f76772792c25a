import { execa } from 'execa'

export interface RunOptions {
  readonly input?: string | Uint8Array
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Milliseconds; 10 minutes unless told. */
  readonly limitMs?: number
  readonly signal?: AbortSignal
}

export interface Ran {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

const LIMIT_MS = 600_000

/** Runs a program of the machine, bounded. A program that is not there has exit code 127. Never rejects for what the program did. */
export async function run(file: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { input, env, cwd, limitMs = LIMIT_MS, signal } = options
  const done = await execa(file, args, {
    reject: false,
    timeout: limitMs,
    ...(input !== undefined && { input }),
    ...(env && { env }),
    ...(cwd !== undefined && { cwd }),
    ...(signal && { cancelSignal: signal }),
  })
  const missing = done.code === 'ENOENT' ? 127 : 1
  return {
    exitCode: done.exitCode ?? missing,
    stdout: done.stdout,
    stderr: done.exitCode === undefined ? `${file}: ${done.shortMessage}` : done.stderr,
  }
}

/** As {@link run}. @throws Error with what the program said when it failed. */
export async function must(file: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await run(file, args, options)
  if (exitCode !== 0) throw new Error(`${file} ${args.join(' ')}: ${stderr.trim() || stdout.trim() || `exit code ${exitCode}`}`)
  return stdout
}
