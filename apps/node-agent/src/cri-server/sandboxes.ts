import { hostname } from 'node:os'
import type { Clock, Log } from '@bramble/reconcile/env'
import type { LinuxContainerResources, PodSandboxConfig } from '../runtime/cri/grpc/api_pb.js'
import type { Runtime } from '../runtime/runtime.ts'
import { podResources } from './convert-resources.ts'
import { resolvConf, sandboxConfig, sandboxId } from './convert-sandbox.ts'
import type { ContainerEvents } from './container-events.ts'
import type { PodsSeen } from './pods-seen.ts'
import { CriProblem, invalid } from './problem.ts'
import type { SandboxRecords } from './sandbox-records.ts'
import type { ServerNetwork } from './server-network.ts'
import { Turns } from './turns.ts'

export interface SandboxesParts {
  readonly runtime: Runtime
  readonly network: ServerNetwork
  readonly records: SandboxRecords
  readonly pods: PodsSeen
  readonly events: ContainerEvents
  readonly clock: Clock
  readonly log: Log
}

/** Sandboxes: a runtime knows only whether they are there; that one can be stopped and be there still is this server's to know. */
export class Sandboxes {
  readonly #parts: SandboxesParts
  /** One change of a sandbox at a time. */
  readonly turns = new Turns()

  constructor(parts: SandboxesParts) {
    this.#parts = parts
  }

  /** The same twice is one. @returns its id. */
  run(config: PodSandboxConfig, signal: AbortSignal): Promise<string> {
    const id = sandboxId(config)
    return this.turns.take(id, () => this.#run(id, config, signal))
  }

  /** Its containers end, its network goes; what they were can be asked until it is removed. Absent or stopped = success. */
  async stop(idOrBeginning: string): Promise<void> {
    const id = (await this.#parts.pods.sandbox(idOrBeginning))?.record.id
    if (id !== undefined) await this.turns.take(id, () => this.#stop(id))
  }

  /** With its containers. Absent = success. */
  async remove(idOrBeginning: string): Promise<void> {
    const id = (await this.#parts.pods.sandbox(idOrBeginning))?.record.id
    if (id !== undefined) await this.turns.take(id, () => this.#remove(id))
  }

  async update(idOrBeginning: string, resources: LinuxContainerResources | undefined): Promise<void> {
    const { record, state, isReady } = await this.#parts.pods.sandboxThere(idOrBeginning)
    if (!isReady) throw new CriProblem('failedPrecondition', `sandbox ${record.id} is not ready`)
    const parent = record.config.linux?.cgroupParent ?? ''
    if (parent === '') await this.#parts.runtime.updateSandbox(state!.id, podResources(resources, parent)) // else it is the caller's
  }

  async #run(id: string, config: PodSandboxConfig, signal: AbortSignal): Promise<string> {
    const { runtime, network, records, clock, log } = this.#parts
    const wanted = sandboxConfig(id, config, hostname())
    resolvConf(config.dnsConfig) // refused before anything is made
    const known = await records.find(id)
    if (known?.stopped) throw new CriProblem('alreadyExists', `sandbox ${wanted.namespace}/${wanted.name} is stopped: remove ${id} first`)
    if (!wanted.hostNetwork) await network.ensure()
    if (!known) await records.write({ id, createdAtMs: clock.nowMs(), config, stopped: false })
    try {
      await runtime.runSandbox(wanted, signal)
      return id
    } catch (error) {
      await this.#remove(id).catch((problem: unknown) =>
        log.warn('what is left of a sandbox cannot be removed', { sandbox: id, error: problem }),
      )
      throw error
    }
  }

  async #stop(id: string): Promise<void> {
    const { runtime, network, records, pods, events } = this.#parts
    const pod = await pods.one(id)
    if (!pod) return
    if (!pod.record.stopped) await records.write({ ...pod.record, stopped: true }) // from now on nobody starts anything in it
    await Promise.all(
      pod.containers.filter(({ state }) => state.state === 'running').map(({ state }) => runtime.stopContainer(state.id, 0)),
    )
    await network.remove(id)
    await events.look(id)
  }

  async #remove(id: string): Promise<void> {
    const { runtime, network, records, pods, events } = this.#parts
    const pod = await pods.one(id)
    if (pod?.state) await runtime.removeSandbox(pod.state.id)
    await network.remove(id)
    await records.remove(id)
    await events.look(id)
  }
}

/** @throws CriProblem. */
export function given<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw invalid(`${what} is missing`)
  return value
}
