import { mkdir } from 'node:fs/promises'
import type { Duplex } from 'node:stream'
import type { RemoteProcess } from '@bramble/streams/remote-process'
import { dirname, join } from 'node:path'
import type { Clock, Log } from '@bramble/reconcile/env'
import type { PodNetwork } from '../../network/pod-network/pod-network.ts'
import {
  type ContainerConfig,
  type ImageState,
  type RegistryLogin,
  type Runtime,
  RuntimeError,
  type RuntimeReason,
  type SandboxConfig,
  type SandboxState,
  type WritableLayer,
} from '../runtime.ts'
import { CGROUP_NAME, PodCgroups } from './cgroups.ts'
import { PodmanClient, PodmanError } from './client.ts'
import { execInContainer } from './container-exec.ts'
import { containerName, containerSpec, type HostTraits, LABEL } from './convert.ts'
import { containerExits } from './exits.ts'
import { PodmanImages } from './images.ts'
import type { InspectedContainer, PodmanInfo } from './libpod.ts'
import { type ContainerPlaces, reopenLog } from './log-reopen.ts'
import { Observer } from './observer.ts'
import { inPath, PODMAN_MISSING, PodmanService, type PodmanStorage } from './podman-service.ts'
import { readProcessLimits } from './process-limits.ts'
import { type SandboxRecord, Sandboxes } from './sandboxes.ts'

export interface PodmanOptions {
  readonly network: PodNetwork
  readonly clock: Clock
  readonly log: Log
  /** Socket and sandboxes; on a tmpfs, so that a reboot empties it. Default /run/bramble. */
  readonly stateDirectory?: string
  /** Where Podman keeps its things. Default: Podman's own, where `podman ps` shows them. */
  readonly storage?: PodmanStorage
  /** Of the group above all pods. Default `bramble`. */
  readonly cgroupName?: string
  /** A container's log starts anew above this, and what was in it is lost: for when nobody rotates it. Default 50 MiB. */
  readonly logBytesMax?: number
}

/**
 * Pods on Podman: its remote API for containers, the host's own tools for what they share. No pod object and no infra container; a
 * sandbox is a set of namespaces, its id is the pod's uid. Podman's service runs while it is asked and is gone when idle.
 */
export class PodmanRuntime implements Runtime {
  readonly name = 'podman'
  readonly #client: PodmanClient
  readonly #images: PodmanImages
  readonly #sandboxes: Sandboxes
  readonly #observer: Observer
  readonly #clock: Clock
  readonly #stateDirectory: string
  readonly #exitsDirectory: string
  readonly #cgroupName: string
  readonly #logBytesMax: number
  /** Made by this process and not started by anyone: they can be started without a look first. */
  readonly #fresh = new Set<string>()
  readonly #cpuRequests = new Map<string, Map<string, number>>()
  #traits: Promise<Traits> | undefined

  constructor(options: PodmanOptions) {
    const { network, clock, storage, stateDirectory = '/run/bramble' } = options
    this.#clock = clock
    this.#stateDirectory = stateDirectory
    this.#cgroupName = options.cgroupName ?? CGROUP_NAME
    this.#logBytesMax = options.logBytesMax ?? LOG_BYTES_MAX
    this.#exitsDirectory = join(storage?.tmpDirectory ?? '/run/libpod', 'exits')
    this.#client = new PodmanClient(
      new PodmanService({ socketPath: join(stateDirectory, 'podman.sock'), clock, ...(storage && { storage }) }),
    )
    this.#images = new PodmanImages(this.#client)
    this.#sandboxes = new Sandboxes(join(stateDirectory, 'sandboxes'), network, () => clock.nowMs())
    this.#observer = new Observer({
      client: this.#client,
      sandboxes: this.#sandboxes,
      log: options.log,
      cgroups: async () => (await this.#host()).cgroups,
    })
  }

  async status(): Promise<{ readonly ready: boolean; readonly reason?: string; readonly version: string }> {
    if (!(await inPath('podman'))) return { ready: false, reason: PODMAN_MISSING, version: '' }
    try {
      const { version } = await this.#host()
      return { ready: true, version }
    } catch (error) {
      return { ready: false, reason: (error as Error).message, version: '' }
    }
  }

  observe(podUid?: string): Promise<readonly SandboxState[]> {
    return unavailable(this.#observer.observe(podUid))
  }

  async *hints(signal: AbortSignal): AsyncIterable<{ readonly podUid: string }> {
    for await (const containerId of containerExits(this.#exitsDirectory, this.#clock, signal)) {
      const podUid = this.#observer.podOf(containerId)
      if (podUid === undefined) continue // not ours
      this.#observer.noteExit(containerId)
      yield { podUid }
    }
  }

  async runSandbox(config: SandboxConfig, signal: AbortSignal): Promise<string> {
    try {
      await mkdir(config.logDirectory, { recursive: true })
      return (await this.#sandboxes.make(config, signal)).podUid
    } catch (error) {
      throw new RuntimeError('CreatePodSandboxError', (error as Error).message, { cause: error })
    }
  }

  async createContainer(sandboxId: string, config: ContainerConfig, signal: AbortSignal): Promise<string> {
    const sandbox = await this.#sandboxes.read(sandboxId)
    if (!sandbox?.made) throw new RuntimeError('CreateContainerError', `pod ${sandboxId} has no sandbox; run one first`)
    const spec = containerSpec(sandbox, this.#sandboxes.places(sandboxId), config, await this.#traitsFor(sandboxId))
    await mkdir(dirname(config.logPath), { recursive: true })
    const id = await this.#create(sandbox, config, spec, signal)
    this.#observer.adopt(id, sandboxId)
    const requests = this.#cpuRequests.get(sandboxId) ?? new Map<string, number>()
    this.#cpuRequests.set(sandboxId, requests.set(config.name, config.resources.cpuRequestMillis ?? 0))
    return id
  }

  async startContainer(id: string): Promise<void> {
    if (!this.#fresh.delete(id) && (await this.#wasStarted(id))) return
    await reasoned('RunContainerError', this.#client.call('POST', `/containers/${id}/start`, { repeatable: false }))
    const podUid = this.#observer.podOf(id)
    const requests = podUid === undefined ? undefined : this.#cpuRequests.get(podUid)
    if (podUid === undefined || !requests) return
    const cpuMillis = [...requests.values()].reduce((sum, millis) => sum + millis, 0)
    await (await this.#host()).cgroups.setCpuRequest(podUid, cpuMillis)
  }

  async stopContainer(id: string, graceMs: number): Promise<void> {
    const query = { timeout: Math.ceil(graceMs / 1000) }
    await absent(this.#client.call('POST', `/containers/${id}/stop`, { query, timeoutMs: graceMs + SLACK_MS }))
  }

  async removeContainer(id: string): Promise<void> {
    this.#fresh.delete(id)
    for (let tries = 1; !(await this.#tryRemove(id, tries === REMOVE_TRIES_MAX)); tries++) await this.#clock.sleep(tries * REMOVE_AGAIN_MS)
    this.#observer.forget(id)
  }

  async removeSandbox(id: string): Promise<void> {
    const ids = await unavailable(this.#observer.containersOf(id))
    await Promise.all(ids.map((containerId) => this.removeContainer(containerId)))
    await (await this.#host()).cgroups.remove(id) // before the record, by which an agent that dies here finds it again
    await this.#sandboxes.remove(id)
    this.#cpuRequests.delete(id)
  }

  async reopenLog(id: string): Promise<void> {
    await reopenLog(await reasoned('RuntimeUnavailable', this.#client.call<ContainerPlaces>('GET', `/containers/${id}/json`)))
  }

  exec(
    containerId: string,
    command: readonly string[],
    timeoutMs: number,
  ): Promise<{ readonly exitCode: number; readonly output: string }> {
    return execInContainer(containerId, command, timeoutMs, this.#stateDirectory)
  }

  imageStatus(reference: string): Promise<ImageState | undefined> {
    return this.#images.imageStatus(reference)
  }

  pullImage(reference: string, logins: readonly RegistryLogin[], signal: AbortSignal): Promise<ImageState> {
    return this.#images.pullImage(reference, logins, signal)
  }

  loadImages(archivePath: string): Promise<readonly ImageState[]> {
    return this.#images.loadImages(archivePath)
  }

  async updateContainer(): Promise<void> {
    throw notYet()
  }
  async updateSandbox(): Promise<void> {
    throw notYet()
  }
  async openExec(): Promise<RemoteProcess> {
    throw notYet()
  }
  async openAttach(): Promise<RemoteProcess> {
    throw notYet()
  }
  async openPort(): Promise<Duplex> {
    throw notYet()
  }
  async cgroupOf(): Promise<string | undefined> {
    return undefined
  }
  async writableLayers(): Promise<readonly WritableLayer[]> {
    return []
  }
  async imageFolder(): Promise<string> {
    return '/var/lib/containers/storage'
  }

  listImages(): Promise<readonly ImageState[]> {
    return this.#images.listImages()
  }

  removeImage(id: string): Promise<void> {
    return this.#images.removeImage(id)
  }

  /** Lets go of connections; Podman's service ends by itself, containers stay. */
  close(): void {
    this.#client.close()
  }

  async #create(sandbox: SandboxRecord, config: ContainerConfig, body: unknown, signal: AbortSignal): Promise<string> {
    try {
      const { Id } = await this.#client.call<{ Id: string }>('POST', '/containers/create', { body, signal })
      this.#fresh.add(Id)
      return Id
    } catch (error) {
      const existing =
        error instanceof PodmanError && /already in use/.test(error.message)
          ? await this.#find(containerName(sandbox.podUid, config))
          : undefined
      if (existing !== undefined) return existing
      throw error instanceof PodmanError ? new RuntimeError('CreateContainerError', error.message, { cause: error }) : error
    }
  }

  async #find(name: string): Promise<string | undefined> {
    const found = await absent(this.#client.call<InspectedContainer>('GET', `/containers/${name}/json`))
    return found?.Config.Labels?.[LABEL.podUid] === undefined ? undefined : found.Id
  }

  /** Podman refuses to remove a container that ends at this very moment: "container state improper". @returns whether it is gone. */
  async #tryRemove(id: string, isLastTry: boolean): Promise<boolean> {
    try {
      await this.#client.call('DELETE', `/containers/${id}`, { query: { force: true, timeout: 0, v: true } })
      return true
    } catch (error) {
      if (!(error instanceof PodmanError)) throw error
      if (error.status === 404) return true
      if (isLastTry) throw new RuntimeError('RuntimeUnavailable', error.message, { cause: error })
      return false
    }
  }

  /** A retried start must not run an ended container a second time. */
  async #wasStarted(id: string): Promise<boolean> {
    const found = await reasoned('RunContainerError', this.#client.call<InspectedContainer>('GET', `/containers/${id}/json`))
    return !found.State.StartedAt.startsWith('0001-')
  }

  async #traitsFor(podUid: string): Promise<HostTraits> {
    const { limits, controllers, cgroups } = await this.#host()
    return { limits, controllers, cgroupParent: cgroups.parentOf(podUid), logBytesMax: this.#logBytesMax }
  }

  /** Asked once; a failure is asked again by the next caller. */
  #host(): Promise<Traits> {
    this.#traits ??= this.#readTraits().catch((error: unknown) => {
      this.#traits = undefined
      throw error
    })
    return this.#traits
  }

  async #readTraits(): Promise<Traits> {
    const [info, limits] = await Promise.all([unavailable(this.#client.call<PodmanInfo>('GET', '/info')), readProcessLimits()])
    return {
      version: info.version.Version,
      limits,
      controllers: info.host.cgroupControllers ?? [],
      cgroups: new PodCgroups(info.host.cgroupManager, this.#cgroupName, this.#clock),
    }
  }
}

interface Traits extends Pick<HostTraits, 'limits' | 'controllers'> {
  readonly version: string
  readonly cgroups: PodCgroups
}

const notYet = (): RuntimeError => new RuntimeError('RuntimeUnavailable', 'not available with podman yet')
const LOG_BYTES_MAX = 50 << 20
const SLACK_MS = 30_000
const REMOVE_TRIES_MAX = 5
const REMOVE_AGAIN_MS = 50

/** Podman's refusal under the reason that a pod status shows. */
async function reasoned<T>(reason: RuntimeReason, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw error instanceof PodmanError ? new RuntimeError(reason, error.message, { cause: error }) : error
  }
}
const unavailable = <T>(work: Promise<T>): Promise<T> => reasoned('RuntimeUnavailable', work)

/** undefined for something that is not there. */
async function absent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (error instanceof PodmanError && error.status === 404) return undefined
    return unavailable(Promise.reject<T>(error))
  }
}
