import { execFile } from 'node:child_process'
import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Kubectl } from '../e2e/kubectl.ts'
import { hollowFleet } from '../sim/hollow-fleet.ts'
import { normalise, type Rule } from './normalise.ts'
import type { Step } from './session-file.ts'

const NODES = 2
/** Containers of hollow nodes start at once: what takes time is kubectl. */
const SPEED = { startMs: 10, pullMs: 10 }
const COMMAND_MS_MAX = 40_000
const HELPERS = fileURLToPath(new URL('helpers.sh', import.meta.url))

/**
 * Types a session's commands into a shell, one after the other, against a control plane and two hollow nodes of their own.
 *
 * @param pkiFolder Of an authority that sessions share: making one costs more than the rest.
 * @returns What each printed, normalised, with `[exit 1]` at the end of one that failed.
 */
export async function play(steps: readonly Step[], kubectl: Kubectl, pkiFolder: string): Promise<readonly string[]> {
  const fleet = await hollowFleet(NODES, { ...SPEED, pkiFolder })
  try {
    const work = join(fleet.folder, 'work')
    await mkdir(join(fleet.folder, 'bin'))
    await mkdir(work)
    await symlink(kubectl.path, join(fleet.folder, 'bin', 'kubectl'))
    const shell = {
      cwd: work,
      env: {
        PATH: `${join(fleet.folder, 'bin')}:/usr/local/bin:/usr/bin:/bin`,
        HOME: fleet.folder,
        KUBECONFIG: fleet.kubeconfig,
        BASH_ENV: HELPERS,
        SHLVL: '1', // else bash takes itself for a login over the network and reads other files
        TZ: 'UTC',
        LC_ALL: 'C.UTF-8',
      },
    }
    const own: readonly Rule[] = [{ name: 'the home folder', pattern: new RegExp(fleet.folder, 'g'), by: '<home>' }]
    await typed('kubectl wait node --all --for=condition=Ready --timeout=30s', shell)

    const printed: string[] = []
    for (const { command } of steps) {
      const { text, code } = await typed(command, shell)
      printed.push([normalise(text, own), ...(code === 0 ? [] : [`[exit ${code}]`])].filter((part) => part !== '').join('\n'))
    }
    return printed
  } finally {
    await fleet.stop()
  }
}

interface Shell {
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

/** Both outputs go to one pipe, so that they stand in the order in which they were written. */
const typed = (command: string, shell: Shell): Promise<{ readonly text: string; readonly code: number }> =>
  new Promise((resolve) => {
    const script = `exec 2>&1\n${command}\n`
    const options = { ...shell, timeout: COMMAND_MS_MAX, maxBuffer: 64 * 2 ** 20 }
    const child = execFile('bash', ['-c', script], options, (error, text) =>
      resolve({
        text: child.killed ? `${text}\n(no end within ${COMMAND_MS_MAX / 1_000} s)` : text,
        code: error ? Number(error.code ?? -1) : 0,
      }),
    )
  })
