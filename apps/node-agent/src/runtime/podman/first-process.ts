import { readdir, readlink, stat, writeFile } from 'node:fs/promises'
import type { Clock } from '@bramble/reconcile/env'
import { startDetached } from '../../host/exec.ts'
import { readIfPresent } from '../../host/files.ts'
import { killNow } from './oci-commands.ts'
import { inPath } from './podman-service.ts'

const BEGIN_MS_MAX = 10_000
const LOOK_AGAIN_MS = 5

/** Programs that wait for nothing and reap whatever is left to them, the lightest first. */
const REAPERS: readonly (readonly [string, ...string[]])[] = [
  ['catatonit', '-P'],
  ['tini', '-s', '--', 'sleep', 'infinity'],
  ['sh', '-c', "trap '' HUP TERM INT; while :; do sleep 86400 & wait; done"],
]

/**
 * The first process of a pod whose containers share their processes: it belongs to no container, reaps, outlives the agent and ends
 * with the sandbox.
 *
 * @param path Where its process namespace is mounted then, for containers to join.
 * @returns its id on the host.
 */
export async function startFirstProcess(path: string, clock: Clock): Promise<number> {
  await writeFile(path, '')
  const starter = startDetached('unshare', [`--pid=${path}`, '--fork', '--', ...(await reaper())])
  const untilMs = clock.monotonicMs() + BEGIN_MS_MAX
  for (;;) {
    const pid = Number(((await readIfPresent(`/proc/${starter.pid}/task/${starter.pid}/children`)) ?? '').trim().split(' ')[0])
    if (pid > 0 && (await isFirstProcess(pid, path))) {
      killNow(starter.pid) // it would wait for the whole life of the pod
      return pid
    }
    if (clock.monotonicMs() > untilMs || (await readIfPresent(`/proc/${starter.pid}/comm`)) === undefined) {
      killNow(starter.pid)
      throw new Error('the first process of the pod did not start')
    }
    await clock.sleep(LOOK_AGAIN_MS)
  }
}

/** Whether this process lives in the namespace that is mounted there. */
export async function isFirstProcess(pid: number, path: string): Promise<boolean> {
  const [own, mounted] = await Promise.all([
    namespaceOf(pid),
    stat(path).then(
      ({ ino }) => ino,
      () => undefined,
    ),
  ])
  return own !== undefined && own === mounted
}

/** Ends everything in the namespace that is mounted there, whoever started it. */
export async function endProcessesOf(path: string): Promise<void> {
  const namespace = await stat(path).then(
    ({ ino }) => ino,
    () => undefined,
  )
  if (namespace === undefined) return
  for (const name of await readdir('/proc'))
    if (/^\d+$/.test(name) && (await namespaceOf(Number(name))) === namespace) killNow(Number(name))
}

async function namespaceOf(pid: number): Promise<number | undefined> {
  const link = await readlink(`/proc/${pid}/ns/pid`).catch(() => '')
  const inode = /^pid:\[(\d+)\]$/.exec(link)?.[1]
  return inode === undefined ? undefined : Number(inode)
}

async function reaper(): Promise<readonly [string, ...string[]]> {
  for (const command of REAPERS) if (await inPath(command[0])) return command
  throw new Error('no program is there that can be the first process of a pod: apt-get install catatonit')
}
