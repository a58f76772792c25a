import { spawn } from 'node:child_process'
import { PassThrough } from 'node:stream'
import type { RemoteProcess, Stdio, TerminalSize } from './remote-process.ts'

/** A real process of this machine in the place of one in a container. There is no terminal: sizes are noted. */
export function childProcess(
  command: readonly string[],
  stdio: Stdio,
  signal: AbortSignal,
  { sizes = [], folder }: { readonly sizes?: TerminalSize[]; readonly folder?: string } = {},
): RemoteProcess {
  const child = spawn(command[0]!, command.slice(1), { stdio: 'pipe', ...(folder !== undefined && { cwd: folder }) })
  const kill = (): void => void child.kill('SIGKILL')
  signal.addEventListener('abort', kill, { once: true })
  if (!stdio.stdin) child.stdin.end()
  child.stdin.on('error', () => {})
  return {
    ...(stdio.stdin && { stdin: child.stdin }),
    ...(stdio.stdout && { stdout: child.stdout.pipe(new PassThrough()) }),
    ...(stdio.stderr && !stdio.tty && { stderr: child.stderr.pipe(new PassThrough()) }),
    resize: (size) => void sizes.push(size),
    ended: new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code, killedBy) => resolve({ exitCode: code ?? 128 + (killedBy === 'SIGKILL' ? 9 : 15) }))
    }),
  }
}
