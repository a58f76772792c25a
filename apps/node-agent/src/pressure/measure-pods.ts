import { join } from 'node:path'
import { readNow } from '../host/read-now.ts'
import { memoryUsage } from '../metrics/cgroup-usage.ts'
import type { PodFiles } from '../pods/pod-files.ts'
import type { SeenPod } from '../pods/streams/pod-lookup.ts'
import { containerFolders } from '../runtime/cgroups/paths.ts'
import type { CgroupVersion } from '../runtime/cgroups/settings.ts'
import type { ContainerState, UsageService, WritableLayer } from '../runtime/runtime.ts'
import type { ContainerUse, DiskLook, MeasurePods, PodDiskUse, PodUse } from './pod-use.ts'

export interface HostPodMeasuresOptions {
  readonly runtime: Pick<UsageService, 'cgroupOf' | 'writableLayers'>
  readonly files: Pick<PodFiles, 'usageOf'>
  readonly cgroupVersion: CgroupVersion
  readonly cgroupRoot?: string
}

/** What pods take, when somebody has to go. */
export class HostPodMeasures implements MeasurePods {
  readonly #options: HostPodMeasuresOptions

  constructor(options: HostPodMeasuresOptions) {
    this.#options = options
  }

  async measure(pods: readonly SeenPod[], look: (pod: SeenPod) => DiskLook, signal: AbortSignal): Promise<readonly PodUse[]> {
    const layers = pods.some((pod) => look(pod) === 'files-and-layers') ? await this.#options.runtime.writableLayers().catch(() => []) : []
    const uses: PodUse[] = []
    for (const pod of pods) uses.push(await this.#measureOne(pod, look(pod), layers, signal))
    return uses
  }

  async #measureOne({ pod, sandbox }: SeenPod, look: DiskLook, layers: readonly WritableLayer[], signal: AbortSignal): Promise<PodUse> {
    const folder = await this.#options.runtime.cgroupOf(pod.metadata.uid).catch(() => undefined)
    const own = (sandbox?.containers ?? []).map((state) => ({ state, layer: layers.find(({ containerId }) => containerId === state.id) }))
    const files = look === 'none' ? undefined : await this.#options.files.usageOf(pod, signal).catch(() => undefined)
    const disk: PodDiskUse | undefined = files && {
      volumes: files.volumes,
      logBytes: files.logBytes,
      layerBytes: own.reduce((sum, { layer }) => sum + (layer?.usedBytes ?? 0), 0),
      layerInodes: own.reduce((sum, { layer }) => sum + (layer?.inodes ?? 0), 0),
    }
    const containers = own
      .filter(({ state }) => state.state === 'running')
      .map(({ state, layer }): ContainerUse => {
        const memory = folder === undefined ? undefined : this.#containerMemory(folder, state)
        const diskBytes = disk && (layer?.usedBytes ?? 0) + (files?.containerLogBytes?.[state.name] ?? 0)
        return { name: state.name, ...(memory !== undefined && { memoryBytes: memory }), ...(diskBytes !== undefined && { diskBytes }) }
      })
    const memory = folder === undefined ? undefined : this.#memory(folder)
    const tasks = folder === undefined ? '' : this.#read('pids', join(folder, 'pids.current')).trim()
    return {
      pod,
      containers,
      ...(memory !== undefined && { memoryBytes: memory }),
      ...(/^\d+$/.test(tasks) && { tasks: Number(tasks) }),
      ...(disk && { disk }),
    }
  }

  #containerMemory(podFolder: string, { id }: ContainerState): number | undefined {
    for (const name of containerFolders(id)) {
      const bytes = this.#memory(join(podFolder, name))
      if (bytes !== undefined) return bytes
    }
    return undefined
  }

  #memory(folder: string): number | undefined {
    return memoryUsage(this.#options.cgroupVersion, (controller, file) => this.#read(controller, join(folder, file)))?.workingSetBytes
  }

  #read(controller: string, path: string): string {
    const { cgroupRoot = '/sys/fs/cgroup', cgroupVersion } = this.#options
    return readNow(join(cgroupRoot, cgroupVersion === 1 ? controller : '', path))
  }
}
