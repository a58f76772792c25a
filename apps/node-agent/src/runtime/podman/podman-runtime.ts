import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { Clock, Log } from '@bramble/reconcile/env'
import type { RemoteProcess, Stdio } from '@bramble/streams/remote-process'
import type { PodNetwork } from '../../network/pod-network/pod-network.ts'
import type { CgroupManager } from '../cgroups/paths.ts'
import { CGROUP_NAME, FIRST } from '../cgroups/pod-cgroups.ts'
import {
  type ContainerConfig,
  type ContainerResources,
  type ImageState,
  type PodResources,
  type RegistryLogin,
  type Runtime,
  RuntimeError,
  type SandboxConfig,
  type SandboxState,
  type WritableLayer,
} from '../runtime.ts'
import { Attachments } from './attachments.ts'
import { PodmanClient } from './client.ts'
import { execInContainer, openInContainer } from './container-exec.ts'
import { PodmanContainers } from './containers.ts'
import { type ContainerContext, containerSpec, type HostTraits, readOnlyCopy } from './convert.ts'
import { reasoned, unavailable } from './errors.ts'
import { containerExits } from './exits.ts'
import { type PodmanHost, readPodmanHost } from './host-traits.ts'
import { PodmanImages } from './images.ts'
import { mountReadOnly } from './mounts.ts'
import { type ContainerPlaces, reopenLog } from './log-reopen.ts'
import { Observer } from './observer.ts'
import { inPath, PODMAN_MISSING, PodmanService, type PodmanStorage } from './podman-service.ts'
import { PortConnections } from './port-connections.ts'
import { Repairs } from './repairs.ts'
import { Resizes } from './resizes.ts'
import { type SandboxRecord, Sandboxes } from './sandboxes.ts'
import { StdinHolders } from './stdin-holders.ts'
import { Terminals } from './terminals.ts'
import { countLayers } from './writable-layers.ts'

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
  /** Of all pods together. */
  readonly podsMemoryBytes?: number | undefined
  /** Whose pods these are; pods of others on the same Podman are neither seen nor touched. Default: the agent's. */
  readonly owner?: string
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
  readonly #containers: PodmanContainers
  readonly #observer: Observer
  readonly #terminals: Terminals
  readonly #attachments: Attachments
  readonly #holders: StdinHolders
  readonly #ports: PortConnections
  readonly #resizes: Resizes
  readonly #repairs: Repairs
  readonly #clock: Clock
  readonly #stateDirectory: string
  readonly #exitsDirectory: string
  readonly #cgroupName: string
  readonly #podsMemoryBytes: number | undefined
  readonly #logBytesMax: number
  readonly #owner: string
  readonly #closing = new AbortController()
  #asked: Promise<PodmanHost> | undefined

  constructor(options: PodmanOptions) {
    const { network, clock, log, storage, stateDirectory = '/run/bramble' } = options
    this.#clock = clock
    this.#stateDirectory = stateDirectory
    this.#cgroupName = options.cgroupName ?? CGROUP_NAME
    this.#podsMemoryBytes = options.podsMemoryBytes
    this.#logBytesMax = options.logBytesMax ?? LOG_BYTES_MAX
    this.#owner = options.owner ?? ''
    this.#exitsDirectory = join(storage?.tmpDirectory ?? '/run/libpod', 'exits')
    this.#client = new PodmanClient(
      new PodmanService({ socketPath: join(stateDirectory, 'podman.sock'), clock, log, ...(storage && { storage }) }),
    )
    const graphRoot = async (): Promise<string> => (await this.#host()).graphRoot
    this.#images = new PodmanImages({ client: this.#client, log, graphRoot })
    this.#sandboxes = new Sandboxes(join(stateDirectory, 'sandboxes'), network, clock, log)
    this.#containers = new PodmanContainers({ client: this.#client, clock, log, graphRoot })
    this.#terminals = new Terminals(this.#client, clock, stateDirectory)
    this.#holders = new StdinHolders(stateDirectory)
    this.#attachments = new Attachments(this.#client, this.#holders, clock)
    this.#ports = new PortConnections(clock)
    this.#resizes = new Resizes(join(stateDirectory, 'resizes'))
    this.#repairs = new Repairs({
      client: this.#client,
      sandboxes: this.#sandboxes,
      host: () => this.#host(),
      clock,
      log,
      stateDirectory,
    })
    this.#observer = new Observer({
      client: this.#client,
      sandboxes: this.#sandboxes,
      resizes: this.#resizes,
      log,
      owner: this.#owner,
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

  async observe(podUid?: string): Promise<readonly SandboxState[]> {
    await unavailable(this.#repairs.done())
    return unavailable(this.#observer.observe(podUid))
  }

  async *hints(signal: AbortSignal): AsyncIterable<{ readonly podUid: string }> {
    for await (const containerId of containerExits(this.#exitsDirectory, this.#clock, signal)) {
      const podUid = this.#observer.podOf(containerId)
      if (podUid !== undefined) yield { podUid } // others are not ours
    }
  }

  async runSandbox(config: SandboxConfig, signal: AbortSignal): Promise<string> {
    try {
      const { cgroups } = await this.#host()
      await mkdir(config.logDirectory, { recursive: true })
      const record = await this.#sandboxes.make(config, signal)
      if (record.cgroupParent !== undefined) cgroups.give(record.podUid, record.cgroupParent)
      if (record.resources) await cgroups.make(record.podUid, record.resources)
      const { firstPid } = record.made ?? {}
      if (firstPid !== undefined) await cgroups.addProcess(record.podUid, qosClassOf(record), FIRST, firstPid)
      await this.#shareOut()
      return record.podUid
    } catch (error) {
      throw new RuntimeError('CreatePodSandboxError', (error as Error).message, { cause: error })
    }
  }

  async createContainer(sandboxId: string, config: ContainerConfig, signal: AbortSignal): Promise<string> {
    const sandbox = await this.#sandboxes.read(sandboxId)
    if (!sandbox?.made) throw new RuntimeError('CreateContainerError', `pod ${sandboxId} has no sandbox; run one first`)
    const places = this.#sandboxes.places(sandboxId)
    const context = await this.#contextOf(sandbox, config)
    const spec = containerSpec(sandbox, places, config, await this.#traitsFor(sandbox), context)
    await mkdir(dirname(config.logPath), { recursive: true })
    for (const [index, mount] of config.mounts.entries())
      if (mount.readOnly && mount.recursiveReadOnly) await this.#copy(mount.hostPath, readOnlyCopy(places, config.name, index))
    const id = await this.#images.mending(config.image, this.#containers.create(sandboxId, config, spec, signal))
    this.#observer.adopt(id, sandboxId)
    return id
  }

  startContainer(id: string): Promise<void> {
    return this.#containers.start(id)
  }

  stopContainer(id: string, graceMs: number): Promise<void> {
    return this.#containers.stop(id, graceMs)
  }

  async removeContainer(id: string): Promise<void> {
    await this.#containers.remove(id)
    await this.#resizes.forget(id)
    await this.#holders.release(id)
    this.#observer.forget(id)
  }

  async removeSandbox(id: string): Promise<void> {
    const ids = await unavailable(this.#observer.containersOf(id))
    await Promise.all(ids.map((containerId) => this.removeContainer(containerId)))
    const parent = (await this.#sandboxes.read(id))?.cgroupParent
    await this.#sandboxes.dismantle(id)
    const { cgroups } = await this.#host()
    if (parent !== undefined) cgroups.give(id, parent)
    if (!(await cgroups.remove(id))) throw new RuntimeError('RuntimeUnavailable', `something still runs in the cgroup of pod ${id}`)
    await this.#sandboxes.forget(id)
    await this.#shareOut()
  }

  async updateContainer(id: string, resources: ContainerResources): Promise<void> {
    const { cgroupVersion } = await this.#host()
    await this.#resizes.apply(id, resources, cgroupVersion, this.#observer.processOf(id))
    this.#observer.noteResize(id, resources)
  }

  async updateSandbox(id: string, resources: PodResources): Promise<void> {
    const record = await this.#sandboxes.read(id)
    if (!record) throw new RuntimeError('ResizeError', `pod ${id} has no sandbox`)
    try {
      await (await this.#host()).cgroups.set(id, resources)
    } catch (error) {
      throw new RuntimeError('ResizeError', (error as Error).message, { cause: error })
    }
    if (record.resources) await this.#sandboxes.write({ ...record, resources })
    await this.#shareOut()
  }

  async exec(
    containerId: string,
    command: readonly string[],
    timeoutMs: number,
  ): Promise<{ readonly exitCode: number; readonly output: string }> {
    return execInContainer(containerId, command, timeoutMs, this.#stateDirectory)
  }

  async reopenLog(id: string): Promise<void> {
    await reopenLog(await reasoned('RuntimeUnavailable', this.#client.call<ContainerPlaces>('GET', `/containers/${id}/json`)))
  }

  openExec(containerId: string, command: readonly string[], stdio: Stdio, signal: AbortSignal): Promise<RemoteProcess> {
    return stdio.tty
      ? this.#terminals.open(containerId, command, stdio, signal)
      : openInContainer(containerId, command, stdio, this.#stateDirectory, signal)
  }

  openAttach(containerId: string, stdio: Stdio, signal: AbortSignal): Promise<RemoteProcess> {
    return this.#attachments.open(containerId, stdio, signal)
  }

  async openPort(sandboxId: string, port: number, signal: AbortSignal): Promise<Duplex> {
    const sandbox = await this.#sandboxes.read(sandboxId)
    if (!sandbox?.made) throw new RuntimeError('RuntimeUnavailable', `pod ${sandboxId} has no sandbox`)
    return this.#ports.open(sandbox.made.netnsPath, port, signal)
  }

  async cgroupOf(podUid: string): Promise<string | undefined> {
    return (await this.#host()).cgroups.folderOf(podUid)
  }

  /** How this machine's cgroups are managed, as Podman is set up. */
  async cgroupManager(): Promise<CgroupManager> {
    return (await this.#host()).cgroups.manager
  }

  async writableLayers(): Promise<readonly WritableLayer[]> {
    if (this.#observer.writableLayers().size === 0) await this.observe()
    return countLayers(this.#observer.writableLayers())
  }

  async imageFolder(): Promise<string> {
    return (await this.#host()).graphRoot
  }

  imageStatus(reference: string): Promise<ImageState | undefined> {
    return this.#images.imageStatus(reference)
  }

  pullImage(reference: string, logins: readonly RegistryLogin[], signal: AbortSignal): Promise<ImageState> {
    return this.#images.pullImage(reference, logins, signal)
  }

  loadImages(archivePath: string, signal: AbortSignal): Promise<readonly ImageState[]> {
    return this.#images.loadImages(archivePath, signal)
  }

  listImages(): Promise<readonly ImageState[]> {
    return this.#images.listImages()
  }

  removeImage(id: string): Promise<void> {
    return this.#images.removeImage(id)
  }

  /** Lets go of connections; Podman's service ends by itself, containers stay. */
  close(): void {
    this.#closing.abort()
    this.#ports.close()
    this.#client.close()
  }

  /** @throws RuntimeError `CreateContainerError` when the container whose processes it wants does not run. */
  async #contextOf({ podUid }: SandboxRecord, { processesOf }: ContainerConfig): Promise<ContainerContext> {
    if (processesOf === undefined) return {}
    const containers = (await this.observe(podUid)).flatMap((sandbox) => sandbox.containers)
    const target = containers.find(({ name, id, state }) => state === 'running' && (name === processesOf || id === processesOf))
    if (target?.pid === undefined) throw new RuntimeError('CreateContainerError', `unable to find target container "${processesOf}"`)
    return { processesOf: target.pid }
  }

  async #copy(source: string, copy: string): Promise<void> {
    try {
      await mountReadOnly(source, copy)
    } catch (error) {
      throw new RuntimeError('CreateContainerError', (error as Error).message, { cause: error })
    }
  }

  /** Each class of pods gets its share of the CPU. */
  async #shareOut(): Promise<void> {
    const records = await this.#sandboxes.list()
    await (await this.#host()).cgroups.setClasses(
      records.flatMap(({ record }) => (record.cgroupParent === undefined ? (record.resources ?? []) : [])),
    )
  }

  async #traitsFor(sandbox: SandboxRecord): Promise<HostTraits> {
    const { limits, controllers, cgroups, cgroupVersion } = await this.#host()
    if (sandbox.cgroupParent !== undefined) cgroups.give(sandbox.podUid, sandbox.cgroupParent)
    const cgroupParent = cgroups.parentOf(sandbox.podUid, qosClassOf(sandbox))
    return { limits, controllers, cgroupVersion, cgroupParent, logBytesMax: this.#logBytesMax, owner: this.#owner }
  }

  /** Asked once; a failure is asked again by the next caller. */
  #host(): Promise<PodmanHost> {
    this.#asked ??= this.#readHost().catch((error: unknown) => {
      this.#asked = undefined
      throw error
    })
    return this.#asked
  }

  async #readHost(): Promise<PodmanHost> {
    const host = await unavailable(readPodmanHost(this.#client, this.#cgroupName, this.#clock, this.#podsMemoryBytes))
    void this.#observer.follow(containerExits(this.#exitsDirectory, this.#clock, this.#closing.signal))
    return host
  }
}

const LOG_BYTES_MAX = 50 << 20

/** Pods from before there were classes lie where Guaranteed ones do, and go on there. */
const qosClassOf = (sandbox: SandboxRecord): PodResources['qosClass'] => sandbox.resources?.qosClass ?? 'Guaranteed'
