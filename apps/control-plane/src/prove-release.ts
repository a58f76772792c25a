import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Env } from '@bramble/reconcile/env'

/** Whoever runs the upgrade commits sooner; but a terminal that hangs up must not bring the old version back. */
const PROVEN_MS_MAX = 60_000
const LOOK_MS = 1_000
const COMMIT_MS_MAX = 60_000

/** What the launcher tells the program that it starts. */
export interface Launched {
  readonly launcher: string
  /** Folder of the control plane's slot. */
  readonly slot: string
  readonly release: string
}

/** undefined where something else started this process. */
export function launched({ BRAMBLE_LAUNCHER, BRAMBLE_SLOT, BRAMBLE_RELEASE }: NodeJS.ProcessEnv): Launched | undefined {
  if (!BRAMBLE_LAUNCHER || !BRAMBLE_SLOT || !BRAMBLE_RELEASE) return undefined
  return { launcher: BRAMBLE_LAUNCHER, slot: BRAMBLE_SLOT, release: BRAMBLE_RELEASE }
}

/**
 * Tells the launcher that this release stays, once it has been well for a while without a break: a minute, or half of its time if that
 * is less. Returns when that is done, when it is not on trial, or when `signal` aborts. Never throws: then the old one returns.
 */
export async function proveRelease(by: Launched, isWell: () => boolean, env: Env, signal: AbortSignal): Promise<void> {
  const deadlineMs = await trialMs(by)
  if (deadlineMs === undefined) return
  const neededMs = Math.min(PROVEN_MS_MAX, deadlineMs / 2)
  for (let wellMs = 0; wellMs < neededMs; wellMs = isWell() ? wellMs + LOOK_MS : 0) {
    await env.clock.sleep(LOOK_MS, signal)
    if (signal.aborted) return
  }
  try {
    await promisify(execFile)(by.launcher, ['server', 'commit', by.release], { timeout: COMMIT_MS_MAX })
    env.log.info('this release has proven itself', { release: by.release })
  } catch (error) {
    env.log.error('the launcher was not told that this release is well: the one before will return', { release: by.release, error })
  }
}

/** How long the trial is; undefined when there is none. */
async function trialMs({ slot, release }: Launched): Promise<number | undefined> {
  const [version, , seconds] = (await readFile(join(slot, 'trial'), 'utf8').catch(() => '')).trim().split(' ')
  return version === release && Number(seconds) > 0 ? Number(seconds) * 1000 : undefined
}
