import type { Clock, Log } from '@bramble/reconcile/env'
import { type ContainerConfig, RuntimeError } from '../runtime.ts'
import { type PodmanClient, PodmanError } from './client.ts'
import { containerName, LABEL } from './convert.ts'
import { absent, reasoned } from './errors.ts'
import type { ContainerSpec, InspectedContainer } from './libpod.ts'
import { unmountBelow } from './mounts.ts'

const SLACK_MS = 30_000
const REMOVE_TRIES_MAX = 6
const REMOVE_AGAIN_MS = 50

export interface PodmanContainersOptions {
  readonly client: PodmanClient
  readonly clock: Clock
  readonly log: Log
  /** Where Podman keeps its things. */
  readonly graphRoot: () => Promise<string>
}

/** Containers one by one. What stands in the way of one, after a power cut or a bug of Podman's, is removed by force. */
export class PodmanContainers {
  readonly #client: PodmanClient
  readonly #clock: Clock
  readonly #log: Log
  readonly #graphRoot: () => Promise<string>
  /** Made by this process and not started by anyone: they can be started without a look first. */
  readonly #fresh = new Set<string>()

  constructor({ client, clock, log, graphRoot }: PodmanContainersOptions) {
    this.#client = client
    this.#clock = clock
    this.#log = log
    this.#graphRoot = graphRoot
  }

  /** The same name and attempt twice is the same container. @returns its id. */
  async create(podUid: string, config: ContainerConfig, body: ContainerSpec, signal: AbortSignal): Promise<string> {
    const create = async (): Promise<string> => {
      const { Id } = await this.#client.call<{ Id: string }>('POST', '/containers/create', { body, signal })
      this.#fresh.add(Id)
      return Id
    }
    const name = containerName(podUid, config)
    try {
      return await create()
    } catch (error) {
      if (!(error instanceof PodmanError)) throw error
      if (!NAME_TAKEN.test(error.message)) throw new RuntimeError('CreateContainerError', error.message, { cause: error })
      const existing = await this.#find(name)
      if (existing !== undefined) return existing
      await this.#removeNamesake(name, error.message)
      return reasoned('CreateContainerError', create())
    }
  }

  /** A retried start must not run an ended container a second time. */
  async start(id: string): Promise<void> {
    if (!this.#fresh.delete(id) && (await this.#wasStarted(id))) return
    await reasoned('RunContainerError', this.#client.call('POST', `/containers/${id}/start`, { repeatable: false }))
  }

  async stop(id: string, graceMs: number): Promise<void> {
    const query = { timeout: Math.ceil(graceMs / 1000) }
    await absent(this.#client.call('POST', `/containers/${id}/stop`, { query, timeoutMs: graceMs + SLACK_MS }))
  }

  /** Absent = success. */
  async remove(id: string): Promise<void> {
    this.#fresh.delete(id)
    for (let tries = 1; !(await this.#tryRemove(id, tries)); tries++) await this.#clock.sleep(tries * REMOVE_AGAIN_MS)
  }

  /** undefined as well for one that cannot be looked at: another takes its place. */
  async #find(name: string): Promise<string | undefined> {
    try {
      const found = await this.#client.call<InspectedContainer>('GET', `/containers/${name}/json`)
      return found.Config.Labels?.[LABEL.podUid] === undefined ? undefined : found.Id
    } catch (error) {
      if (error instanceof PodmanError) return undefined
      throw error
    }
  }

  /** Podman's storage knows a container that Podman itself forgot: its database was lost, or it died while it made one. */
  async #removeNamesake(name: string, words: string): Promise<void> {
    const id = /in use by "?([0-9a-f]{64})/.exec(words)?.[1]
    this.#log.warn('a container that Podman has forgotten is in the way, removing it', { name, id })
    await this.remove(id ?? name)
  }

  /**
   * Podman refuses to remove a container that ends at this very moment: "container state improper"; and one whose layers are broken at
   * the first try. @returns whether it is gone.
   */
  async #tryRemove(id: string, tries: number): Promise<boolean> {
    try {
      await this.#client.call('DELETE', `/containers/${id}`, { query: { force: true, timeout: 0, v: true } })
      return true
    } catch (error) {
      if (!(error instanceof PodmanError)) throw error
      if (error.status === 404) return true
      if (tries === REMOVE_TRIES_MAX) throw new RuntimeError('RuntimeUnavailable', error.message, { cause: error })
      if (/resource busy/.test(error.message)) await unmountBelow(`${await this.#graphRoot()}/overlay-containers/${id}`)
      return false
    }
  }

  async #wasStarted(id: string): Promise<boolean> {
    const found = await reasoned('RunContainerError', this.#client.call<InspectedContainer>('GET', `/containers/${id}/json`))
    return !found.State.StartedAt.startsWith('0001-')
  }
}

const NAME_TAKEN = /name .*is (already )?in use|already in use/
