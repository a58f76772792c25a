import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock, Log } from '@bramble/reconcile/env'
import { readIfPresent } from '../../host/files.ts'
import { type PodmanClient, PodmanError } from './client.ts'
import type { PodmanHost } from './host-traits.ts'
import type { ListedContainer } from './libpod.ts'
import { LABEL } from './convert.ts'
import { killLeftovers, killNow } from './oci-commands.ts'
import type { Sandboxes } from './sandboxes.ts'
import { damagedImages } from './storage-damage.ts'

export interface RepairsOptions {
  readonly client: PodmanClient
  readonly sandboxes: Sandboxes
  readonly host: () => Promise<PodmanHost>
  readonly clock: Clock
  readonly log: Log
  /** Emptied by a reboot. */
  readonly stateDirectory: string
}

/** Mends what an agent, Podman or a power cut left, before anything else is done. What cannot be mended is removed, and made anew. */
export class Repairs {
  readonly #options: RepairsOptions
  #begun: Promise<void> | undefined

  constructor(options: RepairsOptions) {
    this.#options = options
  }

  /** Once; a failure is tried again by the next caller. */
  done(): Promise<void> {
    this.#begun ??= this.#begin().catch((error: unknown) => {
      this.#begun = undefined
      throw error
    })
    return this.#begun
  }

  async #begin(): Promise<void> {
    await killLeftovers(this.#options.stateDirectory, this.#options.clock)
    const host = await this.#options.host()
    await this.#killStrays(host)
    await host.cgroups.removeForgotten(() => this.#podUids())
    await this.#checkStorage(host)
  }

  /** Containers that run and that Podman does not know, since its database was lost: nobody would ever stop them. */
  async #killStrays({ cgroups, graphRoot }: PodmanHost): Promise<void> {
    const running = await cgroups.containers()
    if (running.size === 0) return
    const listed = await this.#options.client.call<readonly ListedContainer[]>('GET', '/containers/json', { query: { all: true } })
    for (const { Id } of listed) running.delete(Id)
    const own = await readdir(join(graphRoot, 'overlay-containers')).catch((): string[] => [])
    for (const [container, pids] of running) {
      if (!own.includes(container)) continue // of another storage on this machine
      if (pids.length > 0) this.#options.log.warn('a container runs that Podman has forgotten, killing it', { container })
      for (const pid of pids) killNow(pid)
    }
  }

  async #podUids(): Promise<readonly string[]> {
    const { client, sandboxes } = this.#options
    const filters = JSON.stringify({ label: [LABEL.podUid] })
    const [records, containers] = await Promise.all([
      sandboxes.list(),
      client.call<readonly ListedContainer[]>('GET', '/containers/json', { query: { all: true, filters } }),
    ])
    return [...records.map(({ record }) => record.podUid), ...containers.map(({ Labels }) => Labels![LABEL.podUid]!)]
  }

  /** Once after each boot. */
  async #checkStorage({ graphRoot }: PodmanHost): Promise<void> {
    const { stateDirectory, client, log } = this.#options
    const mark = join(stateDirectory, 'storage-checked')
    if ((await readIfPresent(mark)) !== undefined) return
    for (const id of await damagedImages(graphRoot)) {
      log.warn('image is damaged, removing it', { image: id })
      await client.call('DELETE', `/images/${id}`, { query: { force: true } }).catch((error: unknown) => {
        if (!(error instanceof PodmanError)) throw error
        log.warn('a damaged image cannot be removed', { image: id, error })
      })
    }
    await mkdir(stateDirectory, { recursive: true, mode: 0o700 })
    await writeFile(mark, '')
  }
}
