import { readdir, readlink, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Log } from '@bramble/reconcile/env'
import { runCommand } from '../host/exec.ts'
import { atomicWrite, isMissing, readIfPresent } from '../host/files.ts'
import { DEADLINE_SECONDS, REFUSED, type Slot } from './plan.ts'
import { DamagedRelease, type Releases } from './releases.ts'
import type { ReleaseServer } from './fetch-release.ts'

/** Checksums of a whole release, on a card that is slow. */
const STAGE_MS_MAX = 600_000

/** What the launcher tells the program that it starts. */
export interface Launched {
  /** Path of the launcher. */
  readonly launcher: string
  /** The agent's folder beside `releases`. */
  readonly folder: string
  readonly running: string
}

/** undefined where something else started this process. */
export function launched({ BRAMBLE_LAUNCHER, BRAMBLE_SLOT, BRAMBLE_RELEASE }: NodeJS.ProcessEnv): Launched | undefined {
  if (!BRAMBLE_LAUNCHER || !BRAMBLE_SLOT || !BRAMBLE_RELEASE) return undefined
  return { launcher: BRAMBLE_LAUNCHER, folder: BRAMBLE_SLOT, running: BRAMBLE_RELEASE }
}

/** Releases below `/opt/bramble`. What fetching needs is loaded when it is needed: an agent updates twice a year. */
export class LaunchedReleases implements Releases {
  readonly running: string
  readonly #by: Launched
  readonly #server: ReleaseServer
  readonly #log: Log

  constructor(by: Launched, server: ReleaseServer, log: Log) {
    this.running = by.running
    this.#by = by
    this.#server = server
    this.#log = log
  }

  get #root(): string {
    return dirname(this.#by.folder)
  }
  get #releases(): string {
    return join(this.#root, 'releases')
  }

  async look(): Promise<Slot> {
    const { folder } = this.#by
    const [trial, returned] = await Promise.all(['trial', 'returned'].map((name) => readIfPresent(join(folder, name))))
    const names = await list(join(folder, 'bad'))
    const bad = await Promise.all(
      names.map(async (name) => [name, (await readIfPresent(join(folder, 'bad', name)))?.trim() ?? ''] as const),
    )
    const releases = await list(this.#releases)
    return {
      current: await readlink(join(folder, 'current')).then(basename, () => undefined),
      ...parseTrial(trial),
      ...parseReturned(returned),
      bad: Object.fromEntries(bad),
      releases,
    }
  }

  async fetch(version: string, signal: AbortSignal): Promise<void> {
    const { fetchRelease } = await import('./fetch-release.ts')
    const { unpackRelease } = await import('./unpack-release.ts')
    const archive = await fetchRelease(version, this.#releases, this.#server, this.#log, signal)
    await unpackRelease(archive, version, this.#releases, signal)
    await rm(archive, { force: true })
  }

  async stage(version: string, deadlineSeconds: number): Promise<void> {
    try {
      await this.#launch('stage', version, String(Math.ceil(deadlineSeconds)))
    } catch (error) {
      if ((error as { exitCode?: number }).exitCode !== NOT_WHOLE) throw error // fetching it anew would not help
      await rm(join(this.#releases, version), { recursive: true, force: true })
      throw new DamagedRelease('what was unpacked is damaged: is the disk failing?', { cause: error })
    }
  }

  commit(version: string): Promise<void> {
    return this.#launch('commit', version)
  }

  giveUp(version: string, why: string): Promise<void> {
    return atomicWrite(join(this.#by.folder, 'bad', version), `${REFUSED}${why.replaceAll('\n', ' ')}\n`)
  }

  note(contact: 'waiting' | 'contact'): Promise<void> {
    return atomicWrite(join(this.#by.folder, 'note'), `${contact}\n`)
  }

  async #launch(...args: readonly string[]): Promise<void> {
    await runCommand(this.#by.launcher, ['agent', ...args], { timeoutMs: STAGE_MS_MAX, env: { BRAMBLE_ROOT: this.#root } })
  }
}

/** Exit code of `launcher stage`. */
const NOT_WHOLE = 4

/** Without what is being written. */
async function list(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).filter((name) => !name.startsWith('.'))
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

/** `<version> <starts> [<deadline> …]`; one that is damaged is the launcher's to mend. */
export function parseTrial(text: string | undefined): Pick<Slot, 'trial'> {
  const [, version, starts, deadline] = /^(\S+) (\d+)(?: (\d+))?/.exec(text ?? '') ?? []
  if (version === undefined) return {}
  return { trial: { version, starts: Number(starts), deadlineSeconds: Number(deadline ?? DEADLINE_SECONDS) } }
}

/** `<version> <times> <why>`. */
export function parseReturned(text: string | undefined): Pick<Slot, 'returned'> {
  const [, version, times, why] = /^(\S+) (\d+) (.*)/.exec(text ?? '') ?? []
  return version === undefined ? {} : { returned: { version, times: Number(times), why: why! } }
}
