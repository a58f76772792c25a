import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { runTalkative } from '../../host/exec.ts'
import { RuntimeError } from '../runtime.ts'
import { execExitCode } from './convert.ts'

const OUTPUT_BYTES_MAX = 10 << 10
const SLACK_MS = 5_000
/** Where the OCI runtimes keep what they know of a running container. */
const RUNTIMES = [
  { program: 'crun', state: '/run/crun' },
  { program: 'runc', state: '/run/runc' },
]

/**
 * Runs a command inside a running container to its end, by the OCI runtime itself: Podman's own way writes to the disk for each
 * command and keeps a process for five minutes, too dear for a probe every ten seconds.
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
  const program = await runtimeOf(containerId)
  const pidFile = join(directory, `exec-${randomUUID()}`)
  const limit = AbortSignal.timeout(timeoutMs)
  const kill = (): void => killNow(pidFile)
  limit.addEventListener('abort', kill, { once: true })
  try {
    const { exitCode, output } = await runTalkative(program, ['exec', '--pid-file', pidFile, containerId, ...command], {
      timeoutMs: timeoutMs + SLACK_MS,
      keepBytes: OUTPUT_BYTES_MAX,
    })
    if (limit.aborted) throw new RuntimeError('ExecTimeout', `command "${command[0]}" did not end within ${timeoutMs} ms`)
    const code = execExitCode(exitCode, output)
    if (code === undefined) throw new RuntimeError('RuntimeUnavailable', `${program}: ${output.trim()}`)
    return { exitCode: code, output }
  } catch (error) {
    if (error instanceof RuntimeError) throw error
    throw new RuntimeError(limit.aborted ? 'ExecTimeout' : 'RuntimeUnavailable', (error as Error).message, { cause: error })
  } finally {
    limit.removeEventListener('abort', kill)
    await rm(pidFile, { force: true })
  }
}

async function runtimeOf(containerId: string): Promise<string> {
  for (const { program, state } of RUNTIMES)
    if (
      await stat(join(state, containerId)).then(
        () => true,
        () => false,
      )
    )
      return program
  throw new RuntimeError('RuntimeUnavailable', `container ${containerId} is not running`)
}

/** The runtime passes no signal on that would end every command, so the command itself is killed, with what it began. */
function killNow(pidFile: string): void {
  for (const pid of withDescendants(Number(readNow(pidFile))).reverse())
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // it has just ended
    }
}

function withDescendants(pid: number): number[] {
  if (!(pid > 1)) return [] // the command has not begun
  const children = readNow(`/proc/${pid}/task/${pid}/children`).split(' ').map(Number)
  return [pid, ...children.flatMap(withDescendants)]
}

function readNow(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
