import { mkdir } from 'node:fs/promises'
import type { Log } from '@bramble/reconcile/env'
import type { PodNetwork } from '../../network/pod-network/pod-network.ts'
import { RuntimeError, type SandboxConfig } from '../runtime.ts'
import { LABEL, podSandboxConfig, type SandboxFiles } from './convert.ts'
import { absent, type CriClient, CriError, reasoned } from './cri-client.ts'
import { PodSandboxState, RuntimeService } from './grpc/api_pb.js'
import type { CriHost } from './host.ts'
import type { CriImages } from './images.ts'
import { sandboxConfigOf, sandboxIp } from './observed.ts'
import type { CriObserver } from './observer.ts'
import { missingSandboxImage, providePauseImage } from './pause.ts'
import type { SandboxFolder } from './sandbox-files.ts'

export interface SandboxParts {
  readonly client: CriClient
  readonly host: () => Promise<CriHost>
  readonly network: PodNetwork
  readonly files: SandboxFolder
  readonly images: CriImages
  readonly observer: CriObserver
  readonly log: Log
}

/** As kubelet waits: an image may have to come first. */
const RUN_MS_MAX = 240_000

/** Sandboxes, with what the runtime leaves to whom it serves: the pod's cgroup, its files, the image that a sandbox is made of. */
export class CriSandboxes {
  readonly #parts: SandboxParts

  constructor(parts: SandboxParts) {
    this.#parts = parts
  }

  /** @throws RuntimeError `CreatePodSandboxError`. */
  async run(config: SandboxConfig, signal: AbortSignal): Promise<string> {
    try {
      for (const found of await this.#parts.observer.sandboxes(config.podUid)) {
        if (found.state === PodSandboxState.SANDBOX_READY) return found.id
        await this.remove(found.id)
      }
      return await this.#make(config, signal)
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof RuntimeError && error.reason === 'CreatePodSandboxError') throw error
      throw new RuntimeError('CreatePodSandboxError', (error as Error).message, { cause: error })
    }
  }

  /** What a sandbox was run with, and its files, made anew where a crash left none. @throws RuntimeError when there is no such sandbox. */
  async find(id: string, signal: AbortSignal): Promise<{ readonly config: SandboxConfig; readonly files: SandboxFiles }> {
    const found = await absent(this.#parts.client.call(RuntimeService.method.podSandboxStatus, { podSandboxId: id }, { signal }))
    const config = found?.status && sandboxConfigOf(found.status)
    if (!config) throw new RuntimeError('CreateContainerError', `pod has no sandbox ${id}; run one first`)
    return { config, files: await this.#parts.files.ensure(config, sandboxIp(found.status!)) }
  }

  /** With its containers, also when the runtime has lost the sandbox itself. Absent = success. */
  async remove(id: string): Promise<void> {
    const { client, observer, files, host } = this.#parts
    const found = await absent(client.call(RuntimeService.method.podSandboxStatus, { podSandboxId: id }))
    if (found) await absent(client.call(RuntimeService.method.stopPodSandbox, { podSandboxId: id }))
    const containers = await reasoned('RuntimeUnavailable', observer.containersOf(id))
    await Promise.all(
      containers.map(async (container) => {
        await absent(client.call(RuntimeService.method.removeContainer, { containerId: container.id }))
        observer.forget(container.id)
      }),
    )
    if (found) await absent(client.call(RuntimeService.method.removePodSandbox, { podSandboxId: id }))
    const podUid = found?.status?.labels[LABEL.podUid] ?? containers[0]?.labels[LABEL.podUid]
    observer.forget(id)
    if (podUid === undefined || (await reasoned('RuntimeUnavailable', observer.sandboxes(podUid))).length > 0) return
    await files.remove(podUid)
    await (await host()).cgroups.remove(podUid)
  }

  async podOf(id: string): Promise<string | undefined> {
    const known = this.#parts.observer.podOf(id)
    if (known !== undefined) return known
    const found = await absent(this.#parts.client.call(RuntimeService.method.podSandboxStatus, { podSandboxId: id }))
    return found?.status?.labels[LABEL.podUid]
  }

  async #make(config: SandboxConfig, signal: AbortSignal): Promise<string> {
    const { host, network, files, observer } = this.#parts
    const { cgroups } = await host()
    await mkdir(config.logDirectory, { recursive: true })
    await cgroups.make(config.podUid, config.resources)
    let made: { readonly id: string; readonly ip?: string } | undefined
    const run = async (): Promise<string | undefined> => {
      made = await this.#ask(config, cgroups.parentOf(config.podUid, config.resources.qosClass), signal)
      return made.ip
    }
    try {
      if (config.hostNetwork) await run()
      else await network.plugging(config.podUid, run)
      await files.remove(config.podUid)
      await files.ensure(config, made!.ip)
      observer.adoptSandbox(made!.id, config.podUid, made!.ip)
      return made!.id
    } catch (error) {
      if (made) await this.remove(made.id)
      else await cgroups.remove(config.podUid)
      throw error
    }
  }

  async #ask(config: SandboxConfig, cgroupParent: string, signal: AbortSignal): Promise<{ readonly id: string; readonly ip?: string }> {
    const { client, host } = this.#parts
    const request = { config: podSandboxConfig(config, cgroupParent) }
    const run = () => client.call(RuntimeService.method.runPodSandbox, request, { signal, timeoutMs: RUN_MS_MAX })
    const { sandboxImage } = await host()
    if (sandboxImage !== undefined) await this.#ensureImage(sandboxImage, signal)
    const { podSandboxId: id } = await run().catch(async (error: unknown) => {
      const missing = error instanceof CriError ? missingSandboxImage(error.message) : undefined
      if (missing === undefined) throw error
      await this.#ensureImage(missing, signal)
      return run()
    })
    const { status } = await client.call(RuntimeService.method.podSandboxStatus, { podSandboxId: id })
    const ip = status && sandboxIp(status)
    return { id, ...(ip !== undefined && { ip }) }
  }

  async #ensureImage(name: string, signal: AbortSignal): Promise<void> {
    const { images, log } = this.#parts
    if (!(await images.imageStatus(name))) await providePauseImage(name, images, log, signal)
  }
}
