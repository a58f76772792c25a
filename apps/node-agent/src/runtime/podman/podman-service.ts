import { constants } from 'node:fs'
import { access, mkdir, rename, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { delimiter, dirname, join } from 'node:path'
import type { Clock, Log } from '@bramble/reconcile/env'
import { startDetached } from '../../host/exec.ts'
import { readIfPresent } from '../../host/files.ts'
import { RuntimeError } from '../runtime.ts'
import { databasesIn } from './storage-damage.ts'

export interface PodmanStorage {
  /** Podman's `--root`, `--runroot` and `--tmpdir`. */
  readonly root: string
  readonly runRoot: string
  readonly tmpDirectory: string
}

const GRAPH_ROOT = '/var/lib/containers/storage'
/** Words of bbolt, its panics, and SQLite. */
const BROKEN_DATABASE =
  /opening database .*: (file size too small|invalid database|version mismatch|checksum error)|bbolt|file is not a database|database disk image is malformed/
const WORDS_SHOWN_MAX = 500
const IDLE_SECONDS = 30
const START_MS_MAX = 20_000
const LOOK_AGAIN_MS = 25
const ANSWER_MS_MAX = 5_000

/** Podman's API service: it runs only while there is something to ask. Podman ends it after half a minute without a request. */
export class PodmanService {
  readonly socketPath: string
  readonly #storage: PodmanStorage | undefined
  readonly #clock: Clock
  readonly #log: Log
  #starting: Promise<void> | undefined

  constructor(options: { readonly socketPath: string; readonly storage?: PodmanStorage; readonly clock: Clock; readonly log: Log }) {
    this.socketPath = options.socketPath
    this.#storage = options.storage
    this.#clock = options.clock
    this.#log = options.log
  }

  /**
   * Resolves when the service answers. Callers at the same time share one start.
   *
   * @throws RuntimeError `RuntimeUnavailable` with what to do.
   */
  ensure(): Promise<void> {
    this.#starting ??= this.#startMending().finally(() => {
      this.#starting = undefined
    })
    return this.#starting
  }

  /** A database that cannot be opened is put aside: containers that it knew are lost, and made anew. */
  async #startMending(): Promise<void> {
    try {
      await this.#start()
    } catch (error) {
      const words = (await readIfPresent(this.#outputPath)) ?? ''
      if (!BROKEN_DATABASE.test(words)) throw error
      const databases = await databasesIn(this.#storage?.root ?? GRAPH_ROOT)
      if (databases.length === 0) throw error
      this.#log.error("Podman's database is broken, it is put aside", { databases, words: words.slice(0, WORDS_SHOWN_MAX) })
      for (const path of databases) await rename(path, `${path}.broken`)
      await this.#start()
    }
  }

  get #outputPath(): string {
    return `${this.socketPath}.log`
  }

  async #start(): Promise<void> {
    if (await answers(this.socketPath, this.#clock)) return
    if (!(await inPath('podman'))) throw new RuntimeError('RuntimeUnavailable', PODMAN_MISSING)
    const outputPath = this.#outputPath
    await mkdir(dirname(this.socketPath), { recursive: true, mode: 0o700 })
    await rm(this.socketPath, { force: true })
    await rm(outputPath, { force: true })
    const args = [...(await this.#globalFlags()), 'system', 'service', '--time', String(IDLE_SECONDS), `unix://${this.socketPath}`]
    // Without NOTIFY_SOCKET, or containers would be told to report to the agent's own supervisor.
    // its folder is where conmon leaves a file "oom" when a container runs out of memory
    const child = startDetached('podman', args, {
      outputPath,
      cwd: dirname(this.socketPath),
      env: { NOTIFY_SOCKET: '', LISTEN_FDS: '', LISTEN_PID: '' },
    })
    let ended = false
    void child.ended.then(() => {
      ended = true
    })

    const untilMs = this.#clock.monotonicMs() + START_MS_MAX
    while (!(await answers(this.socketPath, this.#clock))) {
      const problem = ended ? 'ended at once' : this.#clock.monotonicMs() > untilMs ? `did not answer within ${START_MS_MAX} ms` : undefined
      if (problem !== undefined)
        throw new RuntimeError('RuntimeUnavailable', `podman system service ${problem}: ${await lastWords(outputPath)}`)
      await this.#clock.sleep(LOOK_AGAIN_MS)
    }
  }

  async #globalFlags(): Promise<string[]> {
    const storage = this.#storage
    const places = storage ? ['--root', storage.root, '--runroot', storage.runRoot, '--tmpdir', storage.tmpDirectory] : []
    const runtime = await ociRuntime()
    return [...places, ...(runtime === undefined ? [] : ['--runtime', runtime])]
  }
}

export const PODMAN_MISSING = 'podman is not installed: apt-get install podman'

/** Whether an executable of this name is in PATH. */
export async function inPath(program: string): Promise<boolean> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const found = await access(join(folder, program), constants.X_OK).then(
      () => true,
      () => false,
    )
    if (found) return true
  }
  return false
}

/**
 * The lighter of the installed OCI runtimes that works here: crun needs either cgroup v2 alone or v1 alone; where both are mounted it
 * refuses to start a container. undefined: Podman's own default.
 */
async function ociRuntime(): Promise<string | undefined> {
  const bothGroups = await isReadable('/sys/fs/cgroup/unified/cgroup.controllers')
  for (const program of bothGroups ? ['runc'] : ['crun', 'runc']) if (await inPath(program)) return program
  if (bothGroups)
    throw new RuntimeError('RuntimeUnavailable', 'this system mounts cgroup v1 and v2 together, which needs runc: apt-get install runc')
  return undefined
}

const isReadable = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

/**
 * Whether somebody answers. That connections are taken proves nothing: the kernel takes them for a process that is dying, and resets
 * them when it is dead. One that is there and says nothing for long is slow.
 */
async function answers(socketPath: string, clock: Clock): Promise<boolean> {
  const known = new AbortController()
  const answer = new Promise<boolean>((resolve) => {
    const ping = request({ socketPath, host: 'podman', path: '/_ping', agent: false, signal: known.signal }, () => resolve(true))
    ping.once('error', () => resolve(false))
    ping.end()
  })
  const isThere = await Promise.race([answer, clock.sleep(ANSWER_MS_MAX, known.signal).then(() => true)])
  known.abort()
  return isThere
}

async function lastWords(path: string): Promise<string> {
  const lines = ((await readIfPresent(path)) ?? '').trim().split('\n')
  return lines.at(-1) || 'it said nothing'
}
