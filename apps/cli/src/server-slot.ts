import { readFile } from 'node:fs/promises'
import { run } from './run.ts'
import { UsageError } from './fail.ts'

/** What the launcher says of the slot of the control plane. */
export interface SlotStatus {
  readonly current: string | undefined
  /** The version on trial. */
  readonly trial: string | undefined
  /** Why versions were given up. */
  readonly givenUp: ReadonlyMap<string, string>
}

/** Of a slow card: every file of a release is compared with its checksum. */
const STAGE_LIMIT_MS = 600_000

/** The slot of this machine's control plane: which release runs, and the way back. @param launcher Its path. */
export class ServerSlot {
  readonly #launcher: string

  constructor(launcher: string) {
    this.#launcher = launcher
  }

  async status(): Promise<SlotStatus> {
    return parseSlotStatus((await this.#ask('status')).stdout)
  }

  /** The next start is that release, on trial. @throws UsageError when it was given up before, or is damaged. */
  async stage(version: string, seconds: number): Promise<void> {
    await this.#ask('stage', version, String(seconds))
  }

  /** It stays. */
  async commit(version: string): Promise<void> {
    await this.#ask('commit', version)
  }

  async #ask(...args: readonly string[]): Promise<{ readonly stdout: string }> {
    const ran = await run(this.#launcher, ['server', ...args], STAGE_LIMIT_MS)
    if (ran.exitCode === 0) return ran
    throw new UsageError(ran.stderr.trim().replace(/^launcher: /gm, '') || `${this.#launcher} ended with ${ran.exitCode}`)
  }
}

/** Of `launcher server status`. */
export function parseSlotStatus(text: string): SlotStatus {
  const lines = text.split('\n').map((line) => line.split(' '))
  const second = (key: string): string | undefined => lines.find(([word]) => word === key)?.[1] || undefined
  const reasons = lines.filter(([word]) => word === 'bad').map(([, version, ...why]) => [version!, why.join(' ')] as const)
  const returned = lines.filter(([word]) => word === 'returned').map(([, version, , ...why]) => [version!, why.join(' ')] as const)
  return { current: second('current'), trial: second('trial'), givenUp: new Map([...returned, ...reasons]) }
}

/**
 * Ends the control plane that a supervisor keeps running, so that it is started again: by systemd, or by `bin/supervise`.
 * @throws UsageError when neither has it.
 */
export async function restartServer(dataDirectory: string, isSystemd: boolean): Promise<void> {
  if (isSystemd) {
    const { exitCode, stderr } = await run('systemctl', ['restart', 'bramble-server.service'])
    if (exitCode !== 0) throw new Error(`the service was not started again: ${stderr.trim()}`)
    return
  }
  const supervisor = (await readFile(`${dataDirectory}/log/control-plane.pid`, 'utf8').catch(() => '')).trim()
  for (const pid of await childrenOf(supervisor)) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (command.includes('supervise') || !/control-plane|launcher|bin\/bramble/.test(command)) continue
    process.kill(Number(pid), 'SIGTERM')
    return
  }
  throw new UsageError('no control plane runs on this machine; start it with "bramble up" first')
}

async function childrenOf(pid: string): Promise<readonly string[]> {
  if (!/^\d+$/.test(pid)) return []
  return (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')).split(' ').filter((child) => child !== '')
}
