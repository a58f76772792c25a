import { mkdir } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import type { Clock } from '@bramble/reconcile/env'
import type { CreateContainerRequest, ExecSyncRequest, LinuxContainerResources } from '../runtime/cri/grpc/api_pb.js'
import { type Runtime, RuntimeError } from '../runtime/runtime.ts'
import { recordText } from './container-record.ts'
import { containerResources } from './convert-resources.ts'
import { containerConfig } from './convert-container.ts'
import { resolvConf, sandboxConfig } from './convert-sandbox.ts'
import type { ContainerEvents } from './container-events.ts'
import type { CriImages } from './cri-images.ts'
import type { ContainerSeen, PodsSeen } from './pods-seen.ts'
import { CriProblem, invalid, notFound } from './problem.ts'
import type { SandboxRecords } from './sandbox-records.ts'
import { given, type Sandboxes } from './sandboxes.ts'

export interface ContainersParts {
  readonly runtime: Runtime
  readonly pods: PodsSeen
  readonly records: SandboxRecords
  readonly sandboxes: Sandboxes
  readonly images: CriImages
  readonly events: ContainerEvents
  readonly clock: Clock
}

/** As much as kubelet takes in one message, for both outputs together. */
const OUTPUT_BYTES_MAX = 15 << 20
const GRACE_MS_MAX = 2 ** 31 - 1

export class Containers {
  readonly #parts: ContainersParts

  constructor(parts: ContainersParts) {
    this.#parts = parts
  }

  async create({ podSandboxId, config: asked }: CreateContainerRequest, signal: AbortSignal): Promise<string> {
    const config = given(asked, 'container config')
    const { record } = await this.#parts.pods.sandboxThere(podSandboxId)
    return this.#parts.sandboxes.turns.take(record.id, async () => {
      const { runtime, pods, records, images, events } = this.#parts
      const pod = await pods.sandboxThere(record.id)
      if (!pod.isReady) throw new CriProblem('failedPrecondition', `sandbox ${record.id} is not ready`)
      const reference = given(config.image?.image || undefined, 'image of the container')
      const image = await images.find(reference)
      if (!image) throw notFound('image', reference)
      const servers = resolvConf(record.config.dnsConfig)
      const wanted = containerConfig({
        config,
        sandbox: sandboxConfig(record.id, record.config, 'localhost'),
        image: image.id,
        resolvConf: servers === undefined ? undefined : await records.resolvConf(record.id, servers),
        record: recordText(config, record.config),
      })
      for (const { hostPath } of wanted.mounts) await makeIfAbsent(hostPath)
      const id = await runtime.createContainer(pod.state!.id, wanted, signal)
      await events.look(record.id)
      return id
    })
  }

  /** One that runs already was started. */
  async start(idOrBeginning: string): Promise<void> {
    const { state, pod } = await this.#parts.pods.containerThere(idOrBeginning)
    if (state.state === 'running') return
    if (state.state === 'exited') throw new CriProblem('failedPrecondition', `container ${state.id} is in CONTAINER_EXITED state`)
    if (!pod.isReady) throw new CriProblem('failedPrecondition', `sandbox container ${pod.record.id} is not running`)
    try {
      await this.#parts.runtime.startContainer(state.id)
    } catch (error) {
      if (error instanceof RuntimeError && error.reason === 'RunContainerError') await this.#noteFailure(pod.record.id, state.id, error)
      throw error
    } finally {
      await this.#parts.events.look(pod.record.id)
    }
  }

  /** Absent or stopped = success. @param timeoutS Seconds until SIGKILL. */
  async stop(idOrBeginning: string, timeoutS: bigint): Promise<void> {
    const found = await this.#parts.pods.container(idOrBeginning)
    if (found?.state.state !== 'running') return
    const graceMs = Math.min(Math.max(0, Number(timeoutS) * 1000), GRACE_MS_MAX)
    await this.#parts.runtime.stopContainer(found.state.id, graceMs)
    await this.#parts.events.look(found.pod.record.id)
  }

  /** Absent = success. */
  async remove(idOrBeginning: string): Promise<void> {
    const found = await this.#parts.pods.container(idOrBeginning)
    if (!found) return
    await this.#parts.runtime.removeContainer(found.state.id)
    if (found.startError !== undefined) await this.#noteFailure(found.pod.record.id, found.state.id, undefined)
    await this.#parts.events.look(found.pod.record.id)
  }

  async update(idOrBeginning: string, linux: LinuxContainerResources | undefined): Promise<void> {
    const resources = containerResources(linux)
    const { state } = await this.running(idOrBeginning)
    if (Object.keys(resources).length > 0) await this.#parts.runtime.updateContainer(state.id, resources)
  }

  async reopenLog(idOrBeginning: string): Promise<void> {
    const { state } = await this.running(idOrBeginning)
    if (!this.#parts.runtime.reopenLog) throw new CriProblem('unimplemented', `${this.#parts.runtime.name} cannot open logs anew`)
    await this.#parts.runtime.reopenLog(state.id)
  }

  /** @param error Absent: forgotten. */
  #noteFailure(sandboxId: string, containerId: string, error: Error | undefined): Promise<void> {
    const { sandboxes, records, clock } = this.#parts
    return sandboxes.turns.take(sandboxId, async () => {
      const record = await records.find(sandboxId)
      if (!record) return
      const { [containerId]: _, ...others } = record.startErrors ?? {}
      const startErrors = error ? { ...others, [containerId]: { message: error.message, atMs: clock.nowMs() } } : others
      await records.write({ ...record, startErrors })
    })
  }

  /** @throws CriProblem for one that does not run, in containerd's words. */
  async running(idOrBeginning: string): Promise<ContainerSeen> {
    const found = await this.#parts.pods.containerThere(idOrBeginning)
    if (found.state.state !== 'running')
      throw new CriProblem('failedPrecondition', `container is in CONTAINER_${found.state.state.toUpperCase()} state`)
    return found
  }

  async execSync(
    { containerId, cmd, timeout }: ExecSyncRequest,
    signal: AbortSignal,
  ): Promise<{ readonly stdout: Uint8Array; readonly stderr: Uint8Array; readonly exitCode: number }> {
    if (cmd.length === 0) throw invalid('a command is missing')
    const { state } = await this.running(containerId)
    const over = new AbortController()
    const stop = AbortSignal.any([signal, over.signal])
    let isLate = false
    const limit = new AbortController()
    if (timeout > 0n)
      void this.#parts.clock.sleep(Math.min(Number(timeout) * 1000, GRACE_MS_MAX), limit.signal).then(() => {
        if (limit.signal.aborted) return
        isLate = true
        over.abort()
      })
    try {
      const process = await this.#parts.runtime.openExec(state.id, cmd, { stdin: false, stdout: true, stderr: true, tty: false }, stop)
      const outputs = new BoundedOutput(OUTPUT_BYTES_MAX)
      const [stdout, stderr, { exitCode }] = await Promise.all([
        outputs.collect(process.stdout),
        outputs.collect(process.stderr),
        ended(process.ended, stop),
      ])
      return { stdout, stderr, exitCode }
    } catch (error) {
      if (isLate) throw new CriProblem('deadlineExceeded', `timeout ${timeout}s exceeded: context deadline exceeded`, { cause: error })
      throw error
    } finally {
      limit.abort()
      over.abort()
    }
  }
}

/** What a process ends with, or the abort that nobody waits for it after. */
function ended<T>(end: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const stop = (): void => reject(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  return Promise.race([end, promise]).finally(() => signal.removeEventListener('abort', stop))
}

/** The first bytes of several streams; the rest is read and thrown away, so that nobody waits. */
class BoundedOutput {
  #left: number

  constructor(bytesMax: number) {
    this.#left = bytesMax
  }

  async collect(stream: Readable | undefined): Promise<Uint8Array> {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of stream ?? []) {
        const kept = Buffer.from(chunk as Uint8Array).subarray(0, this.#left)
        this.#left -= kept.length
        if (kept.length > 0) chunks.push(kept)
      }
    } catch {
      // it was cut off; how the process ended tells why
    }
    return Buffer.concat(chunks)
  }
}

/** A folder that a mount shall show and that is not there is made. @see Source: containerd pkg/cri, `WithMounts`. */
async function makeIfAbsent(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST' && error.code !== 'ENOTDIR') throw new CriProblem('unknown', `failed to mkdir ${path}: ${error.message}`)
  })
}
