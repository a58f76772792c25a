import { execa } from 'execa'

export interface Ran {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end; never throws for its exit code. `timeoutMs` bounds it. */
export async function run(file: string, args: readonly string[], timeoutMs = 120_000, env: Record<string, string> = {}): Promise<Ran> {
  const { exitCode, stdout, stderr, failed, shortMessage } = await execa(file, args, {
    reject: false,
    timeout: timeoutMs,
    env,
    stdin: 'ignore',
  })
  return { exitCode: exitCode ?? 127, stdout, stderr: stderr || (failed && exitCode === undefined ? (shortMessage ?? '') : '') }
}

/** Like `run`, and an exit code other than 0 is an error with what the program said. */
export async function must(file: string, args: readonly string[], timeoutMs?: number): Promise<string> {
  const { exitCode, stdout, stderr } = await run(file, args, timeoutMs)
  if (exitCode !== 0) throw new Error(`${file} ${args.join(' ')} failed (${exitCode}): ${stderr.trim() || stdout.trim()}`)
  return stdout
}

/** Starts a program that outlives us, in a session of its own, with no terminal and no pipes of ours. */
export async function startDetached(file: string, args: readonly string[], env: Record<string, string>): Promise<void> {
  await execa('setsid', ['--fork', file, ...args], { stdio: 'ignore', env })
}
