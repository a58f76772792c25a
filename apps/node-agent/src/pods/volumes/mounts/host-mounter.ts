import { readFile } from 'node:fs/promises'
import { HostError, runCommand } from '../../../host/exec.ts'
import { mountAt, type MountEntry, parseMountInfo } from './mount-table.ts'
import type { Mounter, MountRequest } from './mounter.ts'

const TIMEOUT_MS = 30_000
const UNMOUNT_MS = 5_000
const ANSWER_MS = 5_000

/** `mount` and `umount` of the host. Neither looks at what it is given: a server that is gone cannot hold them up that way. */
export class HostMounter implements Mounter {
  async list(): Promise<readonly MountEntry[]> {
    return parseMountInfo(await readFile('/proc/self/mountinfo', 'utf8'))
  }

  async mount({ type, source, target, options, timeoutMs = TIMEOUT_MS }: MountRequest, signal?: AbortSignal): Promise<void> {
    const args = ['-t', type, ...(options.length > 0 ? ['-o', options.join(',')] : []), source, target]
    try {
      await runCommand('mount', args, { timeoutMs, ...(signal && { signal }) })
    } catch (error) {
      throw error instanceof HostError ? mountError(error, args) : error
    }
  }

  async bind(source: string, target: string): Promise<void> {
    await runCommand('mount', ['--no-canonicalize', '--bind', source, target], { timeoutMs: TIMEOUT_MS })
  }

  async unmount(target: string): Promise<void> {
    try {
      await runCommand('umount', ['--no-canonicalize', '--internal-only', target], { timeoutMs: UNMOUNT_MS })
    } catch {
      if (!mountAt(await this.list(), target)) return
      await runCommand('umount', ['--no-canonicalize', '--internal-only', '--force', '--lazy', target], { timeoutMs: UNMOUNT_MS })
    }
  }

  async answers(path: string): Promise<boolean> {
    try {
      await runCommand('stat', ['--file-system', '--terse', path], { timeoutMs: ANSWER_MS })
      return true
    } catch {
      return false
    }
  }
}

/** @see Source: k8s.io/mount-utils doMount. */
const mountError = (error: HostError, args: readonly string[]): Error =>
  new Error(
    `mount failed: ${error.exitCode === undefined ? error.message : `exit status ${error.exitCode}`}\nMounting command: mount\nMounting arguments: ${args.join(' ')}\nOutput: ${error.stderr.trim()}`,
    { cause: error },
  )
