import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { Clock, Log } from '@bramble/reconcile/env'
import type { RemoteProcess, Stdio } from '@bramble/streams/remote-process'
import type { PodNetwork } from '../../network/pod-network/pod-network.ts'
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
import { containerConfig, containerResources, LABEL, podSandboxConfig } from './convert.ts'
import { absent, CODE, CriClient, CriError, reasoned } from './cri-client.ts'
import { execSync } from './exec-sync.ts'
import { ContainerState, RuntimeService } from './grpc/api_pb.js'
import { type CriHost, readHost } from './host.ts'
import { CriImages } from './images.ts'
import { CriObserver } from './observer.ts'
import { podHints } from './pod-hints.ts'
import { SandboxFolder } from './sandbox-files.ts'
import { CriSandboxes } from './sandboxes.ts'
import { CriStreams } from './streams.ts'
import { readMountinfo, withSubmounts } from './submounts.ts'

export interface CriOptions {
  readonly socketPath: string
  /** Until the runtime has told its name. */
  readonly name: string
  readonly network: PodNetwork
  readonly clock: Clock
  readonly log: Log
  /** Files of pods; on a tmpfs. Default /run/bramble. */
  readonly stateDirectory?: string
  /** Of the group above all pods. Default `bramble`. */
  readonly cgroupName?: string
  /** Of all pods together. */
  readonly podsMemoryBytes?: number | undefined
}

/**
 * Pods on any runtime that speaks CRI, asked as kubelet asks it. It runs the CNI plugins itself, by the configuration that the agent's
 * network writes; cgroups of pods and their files are the agent's, as they are kubelet's.
 */
export class CriRuntime implements Runtime {
  readonly #client: CriClient
  readonly #clock: Clock
  readonly #log: Log
  readonly #cgroupName: string | undefined
  readonly #podsMemoryBytes: number | undefined
  readonly #sandboxes: CriSandboxes
  readonly #images: CriImages
  readonly #observer: CriObserver
  readonly #streams: CriStreams
  #name: string
  #host: Promise<CriHost> | undefined
  #tidying: Promise<void> | undefined

  constructor(options: CriOptions) {
    const { network, clock, log, socketPath, stateDirectory = '/run/bramble' } = options
    this.#client = new CriClient(socketPath)
    this.#clock = clock
    this.#log = log
    this.#name = options.name
    this.#cgroupName = options.cgroupName
    this.#podsMemoryBytes = options.podsMemoryBytes
    this.#images = new CriImages(this.#client, clock, async () => (await this.#traits()).sandboxImage)
    this.#observer = new CriObserver(this.#client, async () => (await this.#traits()).cgroups)
    this.#streams = new CriStreams(this.#client, clock)
    this.#sandboxes = new CriSandboxes({
      client: this.#client,
      host: () => this.#traits(),
      network,
      files: new SandboxFolder(join(stateDirectory, 'sandboxes')),
      images: this.#images,
      observer: this.#observer,
      log,
    })
  }

  get name(): string {
    return this.#name
  }

  async status(): Promise<{ readonly ready: boolean; readonly reason?: string; readonly version: string }> {
    try {
      const { runtimeName, runtimeVersion } = await this.#client.call(RuntimeService.method.version, {}, { timeoutMs: STATUS_MS_MAX })
      if (runtimeName !== '') this.#name = runtimeName
      const version = runtimeVersion.replace(/^v/, '')
      const { status } = await this.#client.call(RuntimeService.method.status, {}, { timeoutMs: STATUS_MS_MAX })
      const bad = status?.conditions.find((condition) => condition.type === 'RuntimeReady' && !condition.status)
      return bad ? { ready: false, reason: `${this.#name}: ${bad.message || bad.reason}`, version } : { ready: true, version }
    } catch (error) {
      return { ready: false, reason: whyNotReady(this.#name, this.#client.socketPath, error), version: '' }
    }
  }

  async observe(podUid?: string): Promise<readonly SandboxState[]> {
    await this.#tidied()
    return reasoned('RuntimeUnavailable', this.#observer.observe(podUid))
  }

  hints(signal: AbortSignal): AsyncIterable<{ readonly podUid: string }> {
    return podHints({ client: this.#client, clock: this.#clock, log: this.#log, observer: this.#observer }, signal)
  }

  async runSandbox(config: SandboxConfig, signal: AbortSignal): Promise<string> {
    await this.#tidied()
    return this.#sandboxes.run(config, signal)
  }

  async createContainer(sandboxId: string, config: ContainerConfig, signal: AbortSignal): Promise<string> {
    const [{ config: sandbox, files }, host, targetId, image] = await Promise.all([
      this.#sandboxes.find(sandboxId, signal),
      this.#traits(),
      config.processesOf === undefined ? undefined : this.#targetOf(sandboxId, config.processesOf),
      config.security.group === undefined ? undefined : this.#images.imageStatus(config.image),
      mkdir(dirname(config.logPath), { recursive: true }),
    ])
    const isHelped = config.mounts.some(({ recursiveReadOnly }) => recursiveReadOnly) && !host.hasRecursiveReadOnly
    const cri = containerConfig({
      sandbox,
      config: isHelped ? { ...config, mounts: withSubmounts(config.mounts, await readMountinfo()) } : config,
      files,
      host,
      ...(targetId !== undefined && { targetId }),
      ...(image?.userId !== undefined && { imageUserId: image.userId }),
    })
    const sandboxConfig = podSandboxConfig(sandbox, host.cgroups.parentOf(sandbox.podUid, sandbox.resources.qosClass))
    if (config.security.privileged) Object.assign(sandboxConfig.linux!.securityContext!, { privileged: true })
    const request = { podSandboxId: sandboxId, config: cri, sandboxConfig }
    const id = await this.#create(sandboxId, config, this.#client.call(RuntimeService.method.createContainer, request, { signal }))
    this.#observer.adopt(id, sandbox.podUid)
    return id
  }

  async startContainer(id: string): Promise<void> {
    try {
      await this.#client.call(RuntimeService.method.startContainer, { containerId: id })
    } catch (error) {
      if (!(error instanceof CriError)) throw error
      const found = await absent(this.#client.call(RuntimeService.method.containerStatus, { containerId: id }))
      const { state, reason = '', message = '' } = found?.status ?? {}
      const hasRun = (state === ContainerState.CONTAINER_RUNNING || state === ContainerState.CONTAINER_EXITED) && reason !== 'StartError'
      if (hasRun) return
      throw new RuntimeError('RunContainerError', message || error.message, { cause: error })
    } finally {
      this.#observer.renew(id)
    }
  }

  async stopContainer(id: string, graceMs: number): Promise<void> {
    const request = { containerId: id, timeout: BigInt(Math.ceil(graceMs / 1000)) }
    await absent(this.#client.call(RuntimeService.method.stopContainer, request, { timeoutMs: graceMs + SLACK_MS }))
  }

  async removeContainer(id: string): Promise<void> {
    await absent(this.#client.call(RuntimeService.method.removeContainer, { containerId: id }))
    this.#observer.forget(id)
  }

  removeSandbox(id: string): Promise<void> {
    return this.#sandboxes.remove(id)
  }

  async updateContainer(id: string, resources: ContainerResources): Promise<void> {
    const found = await absent(this.#client.call(RuntimeService.method.containerStatus, { containerId: id }))
    if (found?.status?.state !== ContainerState.CONTAINER_RUNNING) throw new RuntimeError('ResizeError', `container ${id} is not running`)
    const linux = containerResources(resources, await this.#traits())
    await reasoned('ResizeError', this.#client.call(RuntimeService.method.updateContainerResources, { containerId: id, linux }))
    this.#observer.renew(id)
  }

  async updateSandbox(id: string, resources: PodResources): Promise<void> {
    const podUid = await this.#sandboxes.podOf(id)
    if (podUid === undefined) return
    try {
      await (await this.#traits()).cgroups.set(podUid, resources)
    } catch (error) {
      throw new RuntimeError('ResizeError', (error as Error).message, { cause: error })
    }
  }

  async reopenLog(id: string): Promise<void> {
    await reasoned('RuntimeUnavailable', this.#client.call(RuntimeService.method.reopenContainerLog, { containerId: id }))
  }

  exec(
    containerId: string,
    command: readonly string[],
    timeoutMs: number,
  ): Promise<{ readonly exitCode: number; readonly output: string }> {
    return execSync(this.#client, this.#clock, containerId, command, timeoutMs)
  }

  openExec(containerId: string, command: readonly string[], stdio: Stdio, signal: AbortSignal): Promise<RemoteProcess> {
    return this.#streams.openExec(containerId, command, stdio, signal)
  }

  openAttach(containerId: string, stdio: Stdio, signal: AbortSignal): Promise<RemoteProcess> {
    return this.#streams.openAttach(containerId, stdio, signal)
  }

  openPort(sandboxId: string, port: number, signal: AbortSignal): Promise<Duplex> {
    return this.#streams.openPort(sandboxId, port, signal)
  }

  async cgroupOf(podUid: string): Promise<string | undefined> {
    return (await reasoned('RuntimeUnavailable', this.#traits())).cgroups.folderOf(podUid)
  }

  async writableLayers(): Promise<readonly WritableLayer[]> {
    const filter = { labelSelector: { [LABEL.ours]: 'true' } }
    const { stats } = await reasoned('RuntimeUnavailable', this.#client.call(RuntimeService.method.listContainerStats, { filter }))
    return stats.flatMap(({ attributes, writableLayer }) =>
      attributes && writableLayer?.usedBytes
        ? {
            containerId: attributes.id,
            usedBytes: Number(writableLayer.usedBytes.value),
            ...(writableLayer.inodesUsed && { inodes: Number(writableLayer.inodesUsed.value) }),
          }
        : [],
    )
  }

  imageFolder(): Promise<string> {
    return reasoned('RuntimeUnavailable', this.#images.folder())
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

  /** Lets go of the connection; containers stay. */
  close(): void {
    this.#streams.close()
    this.#client.close()
  }

  async #create(sandboxId: string, config: ContainerConfig, asked: Promise<{ readonly containerId: string }>): Promise<string> {
    try {
      return (await asked).containerId
    } catch (error) {
      if (!(error instanceof CriError)) throw error
      const existing = /is reserved for|already in use/.test(error.message)
        ? (await reasoned('RuntimeUnavailable', this.#observer.containersOf(sandboxId))).find(
            ({ metadata }) => metadata?.name === config.name && metadata.attempt === config.attempt,
          )
        : undefined
      if (existing) return existing.id
      throw new RuntimeError('CreateContainerError', error.message, { cause: error })
    }
  }

  /** Of the container that runs under this name. */
  async #targetOf(sandboxId: string, wanted: string): Promise<string> {
    const containers = await reasoned('RuntimeUnavailable', this.#observer.containersOf(sandboxId))
    const running = containers.filter(({ state }) => state === ContainerState.CONTAINER_RUNNING)
    const target = running.find(({ metadata, id }) => id === wanted || metadata?.name === wanted)
    if (!target) throw new RuntimeError('CreateContainerConfigError', `unable to find target container ${wanted}`)
    return target.id
  }

  /** Once, before anything is made: cgroups of pods that the runtime does not have any more. A failure is tried again by the next caller. */
  #tidied(): Promise<void> {
    this.#tidying ??= this.#tidy().catch((error: unknown) => {
      this.#tidying = undefined
      throw error
    })
    return reasoned('RuntimeUnavailable', this.#tidying)
  }

  async #tidy(): Promise<void> {
    const { cgroups } = await this.#traits()
    await cgroups.removeForgotten(async () => (await this.#observer.observe()).map(({ podUid }) => podUid))
  }

  /** Asked once; a failure is asked again by the next caller. */
  #traits(): Promise<CriHost> {
    this.#host ??= readHost(this.#client, this.#clock, this.#cgroupName, this.#podsMemoryBytes).catch((error: unknown) => {
      this.#host = undefined
      throw error
    })
    return this.#host
  }
}

const SLACK_MS = 30_000
const STATUS_MS_MAX = 15_000

/** In words that say what to do. */
export function whyNotReady(name: string, socketPath: string, error: unknown): string {
  const words = error instanceof Error ? error.message : String(error)
  if (error instanceof CriError && error.code === CODE.unimplemented)
    return `${name} answers at ${socketPath}, but not to Kubernetes: take "cri" out of disabled_plugins in /etc/containerd/config.toml and restart it (systemctl restart containerd); containerd must be 1.6 or newer`
  if (/ENOENT/.test(words))
    return `${name} does not run: there is no socket ${socketPath}; install it (apt-get install containerd), or start it (systemctl start containerd)`
  if (/ECONNREFUSED/.test(words)) return `${name} does not run: nobody answers at ${socketPath}; start it (systemctl start containerd)`
  return `${name} at ${socketPath}: ${words}`
}
