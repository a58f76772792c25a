import { createReadStream, createWriteStream } from 'node:fs'
import { readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Clock, Log } from '@bramble/reconcile/env'
import { isMissing } from '../host/files.ts'
import type { RuntimeService } from '../runtime/runtime.ts'
import type { SeenPod } from './streams/pod-lookup.ts'

export interface LogRotationParts {
  readonly runtime: Pick<RuntimeService, 'reopenLog'>
  /** Of the containers that run now. */
  readonly logs: () => readonly { readonly containerId: string; readonly logPath: string }[]
  readonly clock: Clock
  readonly log: Log
  readonly limits: LogLimits
}

/** For each attempt of a container: at most `files` logs, those before the last two compressed. */
export interface LogLimits {
  readonly bytes: number
  readonly files: number
}

/** Source: kubelet, containerLogMaxSize and containerLogMaxFiles. */
export const LOG_LIMITS: LogLimits = { bytes: 10 << 20, files: 5 }
/** Source: kubelet, containerLogMonitorInterval. */
const LOOK_MS = 10_000

/**
 * Keeps the logs of running containers below their limits until `signal` aborts. Never rejects: what cannot be done is tried again.
 * @see Source: kubelet, container_log_manager.go.
 */
export async function rotateLogs({ runtime, logs, clock, log, limits }: LogRotationParts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(LOOK_MS, signal)
    for (const { containerId, logPath } of signal.aborted ? [] : logs())
      try {
        const reopen = async (): Promise<void> => runtime.reopenLog?.(containerId)
        const bytes = await sizeOf(logPath)
        if (bytes === undefined)
          await reopen() // a rotation was cut off in the middle
        else if (bytes >= limits.bytes) await rotateLog(logPath, stampOf(clock.nowMs()), limits.files, reopen)
      } catch (error) {
        log.warn('a log could not be rotated; trying again', { path: logPath, error })
      }
  }
}

export const runningLogs = (seen: readonly SeenPod[]): readonly { readonly containerId: string; readonly logPath: string }[] =>
  seen.flatMap(({ sandbox }) =>
    (sandbox?.containers ?? []).flatMap(({ id, logPath, state }) => (state === 'running' && logPath ? [{ containerId: id, logPath }] : [])),
  )

/** May be cut off anywhere and repeated: nothing that was written is lost but what is older than the limit. */
export async function rotateLog(path: string, stamp: string, filesMax: number, reopen: () => Promise<void>): Promise<void> {
  const folder = dirname(path)
  const { remove, compress, next } = planRotation(basename(path), await readdir(folder), filesMax, stamp)
  for (const name of remove) await rm(join(folder, name), { force: true })
  for (const name of compress) await compressFile(join(folder, name))
  await rename(path, join(folder, next))
  try {
    await reopen()
  } catch (error) {
    if ((await sizeOf(path)) === undefined) await rename(join(folder, next), path) // it still writes there
    throw error
  }
}

/** The log and all that was rotated away from it. */
export async function removeLogs(path: string): Promise<void> {
  const names = await readdir(dirname(path)).catch((error: unknown) => {
    if (isMissing(error)) return []
    throw error
  })
  for (const name of names) if (isOf(basename(path), name)) await rm(join(dirname(path), name), { force: true })
}

/**
 * What goes before a log is rotated: leftovers of a rotation that was cut off, and the oldest, so that `filesMax` are left when the one
 * in use has become another. Then those that are not compressed are. The next name comes after all others, whatever the clock says.
 */
export function planRotation(
  log: string,
  names: readonly string[],
  filesMax: number,
  stamp: string,
): { readonly remove: readonly string[]; readonly compress: readonly string[]; readonly next: string } {
  const rotated = names.filter((name) => name !== log && isOf(log, name)).sort()
  const broken = rotated.filter((name) => name.endsWith(PART) || (!name.endsWith(ZIP) && rotated.includes(name + ZIP)))
  const whole = rotated.filter((name) => !broken.includes(name))
  const old = whole.slice(0, Math.max(0, whole.length - (filesMax - 2)))
  const newest = whole.at(-1)?.replace(/\.gz$/, '') ?? ''
  const next = `${log}.${stamp}`
  return {
    remove: [...broken, ...old],
    compress: whole.filter((name) => !old.includes(name) && !name.endsWith(ZIP)),
    next: next > newest ? next : `${newest}x`,
  }
}

const ZIP = '.gz'
const PART = '.tmp'

const isOf = (log: string, name: string): boolean => name === log || name.startsWith(`${log}.`)

/** The original goes when its copy is whole. */
async function compressFile(path: string): Promise<void> {
  const { createGzip } = await import('node:zlib')
  const part = path + PART
  await pipeline(createReadStream(path), createGzip(), createWriteStream(part, { mode: 0o640 }))
  await rename(part, path + ZIP)
  await rm(path)
}

/** undefined when there is no such file. */
async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

/** `20260102-030405`: names sort by time. */
const stampOf = (ms: number): string => new Date(ms).toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15)
