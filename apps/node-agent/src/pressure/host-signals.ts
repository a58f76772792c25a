import { access, constants, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { readNow } from '../host/read-now.ts'
import { taskCount } from '../node/proc.ts'
import { memoryUsage } from '../metrics/cgroup-usage.ts'
import type { CgroupVersion } from '../runtime/cgroups/settings.ts'
import type { NodeSignals, Observation, Signal, SignalSource } from './signals.ts'

export interface HostSignalsOptions {
  /** Of pods' volumes and the agent's own things. */
  readonly nodeFolder: string
  readonly imageFolder: () => Promise<string>
  readonly cgroupVersion: CgroupVersion
  /** What all pods together may take; absent: not looked at. */
  readonly podsMemoryBytes?: number
  /** Groups of all pods, of which one is there. Default /bramble and /bramble.slice. */
  readonly podsGroups?: readonly string[]
  readonly cgroupRoot?: string
  readonly procRoot?: string
}

/** Asks the kernel. */
export class HostSignals implements SignalSource {
  readonly #options: HostSignalsOptions
  #imageFolder: string | undefined

  constructor(options: HostSignalsOptions) {
    this.#options = options
  }

  async look(): Promise<NodeSignals> {
    const { nodeFolder } = this.#options
    const imageFolder = await this.#images()
    const [node, images] = await Promise.all([diskOf(nodeFolder), imageFolder === undefined ? undefined : diskOf(imageFolder)])
    const observations = new Map<Signal, Observation>()
    const note = (signal: Signal, seen: Observation | undefined): void => void (seen && observations.set(signal, seen))
    note('memory.available', nodeMemory(this.#proc('meminfo')))
    note('allocatableMemory.available', this.#podsMemory())
    note('nodefs.available', node?.bytes)
    note('nodefs.inodesFree', node?.inodes)
    note('imagefs.available', (images ?? node)?.bytes)
    note('imagefs.inodesFree', (images ?? node)?.inodes)
    note('pid.available', this.#tasks())
    const readOnly = (await Promise.all([nodeFolder, ...(imageFolder === undefined ? [] : [imageFolder])].map(ifReadOnly))).flat()
    return { observations, imagesApart: node !== undefined && images !== undefined && node.device !== images.device, readOnly }
  }

  #podsMemory(): Observation | undefined {
    const { podsMemoryBytes, podsGroups = ['/bramble', '/bramble.slice'], cgroupVersion, cgroupRoot = '/sys/fs/cgroup' } = this.#options
    if (podsMemoryBytes === undefined) return undefined
    for (const group of podsGroups) {
      const folder = join(cgroupRoot, cgroupVersion === 1 ? 'memory' : '', group)
      const used = memoryUsage(cgroupVersion, (_controller, file) => readNow(join(folder, file)))
      if (used) return { available: Math.max(0, podsMemoryBytes - used.workingSetBytes), capacity: podsMemoryBytes }
    }
    return undefined
  }

  #tasks(): Observation | undefined {
    const limits = ['sys/kernel/pid_max', 'sys/kernel/threads-max'].map((path) => Number(this.#proc(path))).filter((count) => count > 0)
    if (limits.length === 0) return undefined
    const capacity = Math.min(...limits)
    return { available: Math.max(0, capacity - taskCount(this.#proc('loadavg'))), capacity }
  }

  /** The runtime may not be there yet. */
  async #images(): Promise<string | undefined> {
    this.#imageFolder ??= await this.#options.imageFolder().catch(() => undefined)
    return this.#imageFolder
  }

  #proc(path: string): string {
    return readNow(join(this.#options.procRoot ?? '/proc', path))
  }
}

/** All but the working set, which is what is not free less the files that nobody has used lately. Source: kubelet, cAdvisor's root cgroup. */
export function nodeMemory(meminfo: string): Observation | undefined {
  const bytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(meminfo)?.[1] ?? 0) * 1024
  const capacity = bytes('MemTotal')
  return capacity === 0 ? undefined : { available: bytes('MemFree') + bytes('Inactive\\(file\\)'), capacity }
}

interface Disk {
  readonly device: number
  readonly bytes: Observation
  /** Absent where a file system has as many as it likes. */
  readonly inodes?: Observation
}

async function diskOf(folder: string): Promise<Disk | undefined> {
  try {
    const [{ dev }, { bsize, blocks, bavail, files, ffree }] = await Promise.all([stat(folder), statfs(folder)])
    const bytes = { available: bavail * bsize, capacity: blocks * bsize }
    return { device: dev, bytes, ...(files > 0 && { inodes: { available: ffree, capacity: files } }) }
  } catch {
    return undefined // not made yet, or gone with its disk
  }
}

async function ifReadOnly(folder: string): Promise<readonly string[]> {
  try {
    await access(folder, constants.W_OK)
    return []
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EROFS' ? [folder] : []
  }
}
