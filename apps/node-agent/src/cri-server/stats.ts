import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { MessageInitShape } from '@bufbuild/protobuf'
import type { Clock } from '@bramble/reconcile/env'
import { type CgroupUsage, cgroupUsage } from '../metrics/cgroup-usage.ts'
import { containerFolders } from '../runtime/cgroups/paths.ts'
import { CGROUP_ROOT, cgroupVersion } from '../runtime/cgroups/pod-cgroups.ts'
import type { CgroupVersion } from '../runtime/cgroups/settings.ts'
import type { ContainerStatsSchema, PodSandboxStatsSchema } from '../runtime/cri/grpc/api_pb.js'
import type { Runtime, WritableLayer } from '../runtime/runtime.ts'
import { cpuStats, memoryStats, networkStats } from './convert-stats.ts'
import { nanoseconds } from './convert-status.ts'
import type { ContainerSeen, PodSeen } from './pods-seen.ts'

type ContainerStats = MessageInitShape<typeof ContainerStatsSchema>

/** Counting what containers wrote reads the disk. */
const LAYERS_MS = 10_000

/** What containers and pods use: from cgroups and /proc, without asking the runtime. */
export class Stats {
  readonly #runtime: Runtime
  readonly #clock: Clock
  readonly #before = new Map<string, { readonly atMs: number; readonly usageNs: number }>()
  #layers: { readonly untilMs: number; readonly asked: Promise<readonly WritableLayer[]> } | undefined
  #version: CgroupVersion | undefined

  constructor(runtime: Runtime, clock: Clock) {
    this.#runtime = runtime
    this.#clock = clock
  }

  async containers(containers: readonly ContainerSeen[]): Promise<ContainerStats[]> {
    this.#version ??= await cgroupVersion()
    const layers = new Map((await this.#writableLayers()).map((layer) => [layer.containerId, layer]))
    const folders = new Map<string, string | undefined>()
    for (const { sandboxId } of containers) if (!folders.has(sandboxId)) folders.set(sandboxId, await this.#runtime.cgroupOf(sandboxId))
    const running = new Set(containers.map(({ state }) => state.id))
    if (containers.length > 1) for (const id of this.#before.keys()) if (!running.has(id)) this.#before.delete(id)
    return containers.map((container) => this.#container(container, folders.get(container.sandboxId), layers.get(container.state.id)))
  }

  async pod(pod: PodSeen): Promise<MessageInitShape<typeof PodSandboxStatsSchema>> {
    const { record, containers } = pod
    const own = await this.containers(containers.filter(({ state }) => state.state === 'running'))
    const folder = await this.#runtime.cgroupOf(record.id)
    const usage = folder === undefined ? undefined : this.#usage(folder)
    const timestamp = nanoseconds(this.#clock.nowMs())
    const { metadata, labels, annotations } = record.config
    const pid = containers.find(({ state }) => state.pid !== undefined)?.state.pid
    const isOwnNetwork = pod.state?.ip !== undefined
    return {
      attributes: { id: record.id, ...(metadata && { metadata }), labels, annotations },
      linux: {
        ...(usage?.cpu && { cpu: cpuStats(timestamp, usage.cpu.usageNs, this.#rate(record.id, usage.cpu.usageNs)) }),
        ...(usage?.memory && { memory: memoryStats(timestamp, usage.memory, usage.limits.memoryBytes) }),
        ...(pid !== undefined && isOwnNetwork && { network: networkStats(timestamp, readNow(`/proc/${pid}/net/dev`)) }),
        ...(usage?.tasks !== undefined && { process: { timestamp, processCount: { value: BigInt(usage.tasks) } } }),
        containers: own,
      },
    }
  }

  #container({ state, record }: ContainerSeen, folder: string | undefined, layer: WritableLayer | undefined): ContainerStats {
    const timestamp = nanoseconds(this.#clock.nowMs())
    const usage = folder === undefined ? undefined : this.#ofContainer(folder, state.id)
    const { metadata, labels, annotations } = record.config
    return {
      attributes: { id: state.id, ...(metadata && { metadata }), labels, annotations },
      ...(usage?.cpu && { cpu: cpuStats(timestamp, usage.cpu.usageNs, this.#rate(state.id, usage.cpu.usageNs)) }),
      ...(usage?.memory && { memory: memoryStats(timestamp, usage.memory, usage.limits.memoryBytes) }),
      ...(usage?.memory && { swap: { timestamp, swapUsageBytes: { value: BigInt(usage.memory.swapBytes) } } }),
      ...(layer && {
        writableLayer: {
          timestamp,
          usedBytes: { value: BigInt(layer.usedBytes) },
          ...(layer.inodes !== undefined && { inodesUsed: { value: BigInt(layer.inodes) } }),
        },
      }),
    }
  }

  #ofContainer(podFolder: string, id: string): CgroupUsage | undefined {
    for (const name of containerFolders(id)) {
      const usage = this.#usage(join(podFolder, name))
      if (usage.cpu || usage.memory) return usage
    }
    return undefined
  }

  #usage(folder: string): CgroupUsage {
    const version = this.#version ?? 1
    return cgroupUsage(version, (controller, file) => readNow(join(CGROUP_ROOT, version === 1 ? controller : '', folder, file)))
  }

  /** Billionths of a core since it was asked last; undefined the first time. */
  #rate(id: string, usageNs: number): number | undefined {
    const atMs = this.#clock.monotonicMs()
    const before = this.#before.get(id)
    this.#before.set(id, { atMs, usageNs })
    if (!before || atMs <= before.atMs || usageNs < before.usageNs) return undefined
    return ((usageNs - before.usageNs) / (atMs - before.atMs)) * 1000
  }

  #writableLayers(): Promise<readonly WritableLayer[]> {
    const nowMs = this.#clock.monotonicMs()
    if (!this.#layers || this.#layers.untilMs <= nowMs) {
      const asked = this.#runtime.writableLayers()
      asked.catch(() => {
        this.#layers = undefined
      })
      this.#layers = { untilMs: nowMs + LAYERS_MS, asked }
    }
    return this.#layers.asked
  }
}

function readNow(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // not this place, or gone already
  }
}
