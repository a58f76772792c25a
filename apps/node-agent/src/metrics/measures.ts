import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { readNow } from '../host/read-now.ts'
import type { CgroupVersion } from '../runtime/cgroups/settings.ts'
import { type CgroupUsage, cgroupUsage, cpuUsage, memoryUsage, type ReadCgroup } from './cgroup-usage.ts'
import type { MeasuredContainer, MeasuredPod } from './measured-pod.ts'
import {
  type DeviceTraffic,
  deviceTraffic,
  localMounts,
  type MachineMemory,
  machineMemory,
  machineTime,
  type Pressure,
  pressure,
} from './proc-texts.ts'

export interface MeasuresOptions {
  readonly version: CgroupVersion
  /** Where a pod's cgroup is, as the runtime says. */
  readonly cgroupOf: (podUid: string) => Promise<string | undefined>
  /** Where the hierarchies are mounted. Default /sys/fs/cgroup. */
  readonly cgroupRoot?: string
  /** Default /proc. */
  readonly procRoot?: string
}

export interface PodReading {
  readonly pod: MeasuredPod
  /** Below the root of each hierarchy. */
  readonly folder: string
  readonly usage: CgroupUsage
  readonly pressure: Pressures
  /** Empty with host network. */
  readonly traffic: readonly DeviceTraffic[]
  readonly containers: readonly ContainerReading[]
}
export interface ContainerReading {
  readonly container: MeasuredContainer
  readonly folder: string
  readonly usage: CgroupUsage
  readonly pressure: Pressures
  readonly processes: number
  /** Of its first process on the host; undefined when that is not seen from here. */
  readonly pid?: number
}
export interface ContainerUse {
  readonly container: MeasuredContainer
  readonly cpuNs: number
  readonly workingSetBytes: number
}
/** Each absent where the kernel does not count it. */
export interface Pressures {
  readonly cpu?: Pressure
  readonly memory?: Pressure
  readonly io?: Pressure
}
export interface MachineReading {
  readonly userNs: number
  readonly systemNs: number
  readonly bootedAtMs: number
  readonly memory: MachineMemory
  readonly pageFaults: number
  readonly majorPageFaults: number
  readonly traffic: readonly DeviceTraffic[]
  readonly pressure: Pressures
  /** Processes and threads. */
  readonly tasks: number
}

/** Reads cgroups and /proc when somebody asks: no child process, no word with the runtime. What is gone meanwhile is left out. */
export class Measures {
  readonly #options: MeasuresOptions
  readonly #cgroupRoot: string
  readonly #procRoot: string
  /** Of pods that were there at the last look. */
  #folders = new Map<string, string>()

  constructor(options: MeasuresOptions) {
    this.#options = options
    this.#cgroupRoot = options.cgroupRoot ?? '/sys/fs/cgroup'
    this.#procRoot = options.procRoot ?? '/proc'
  }

  /** Others have their turn between any two pods. */
  async *pods(pods: readonly MeasuredPod[]): AsyncGenerator<PodReading, void> {
    for await (const { pod, folder, children } of this.#places(pods)) yield this.#podReading(pod, folder, children)
  }

  /** Only what `kubectl top` shows: three files for each container. */
  async *use(
    pods: readonly MeasuredPod[],
  ): AsyncGenerator<{ readonly pod: MeasuredPod; readonly containers: readonly ContainerUse[] }, void> {
    const { version } = this.#options
    for await (const { pod, children } of this.#places(pods)) {
      const containers = children.flatMap(({ container, folder }) => {
        const read = this.#reader(folder)
        const cpu = cpuUsage(version, read)
        return cpu ? [{ container, cpuNs: cpu.usageNs, workingSetBytes: memoryUsage(version, read)?.workingSetBytes ?? 0 }] : []
      })
      yield { pod, containers }
    }
  }

  machine(): MachineReading {
    const faults = this.#proc('vmstat')
    const count = (name: string): number => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(faults)?.[1] ?? 0)
    return {
      ...machineTime(this.#proc('stat')),
      memory: machineMemory(this.#proc('meminfo')),
      pageFaults: count('pgfault'),
      majorPageFaults: count('pgmajfault'),
      traffic: deviceTraffic(this.#proc('net/dev')),
      pressure: pressures((resource) => this.#proc(`pressure/${resource}`)),
      tasks: Number(/^\S+ \S+ \S+ \d+\/(\d+)/.exec(this.#proc('loadavg'))?.[1] ?? 0),
    }
  }

  /** All pods together, from the group above that of any pod; undefined where no pod has one. */
  allPods(reading: PodReading): CgroupUsage {
    return cgroupUsage(this.#options.version, this.#reader(`/${reading.folder.split('/')[1]}`))
  }

  /** Places in a container where something of this machine is mounted, as it sees them; how full that is can be asked without waiting. */
  mountsOf(pid: number): ReadonlySet<string> {
    return localMounts(this.#proc(`${pid}/mountinfo`))
  }

  /** The same place as this process sees it. */
  pathIn(pid: number, path: string): string {
    return join(this.#procRoot, String(pid), 'root', path)
  }

  async *#places(pods: readonly MeasuredPod[]) {
    const known = this.#folders
    const next = new Map<string, string>()
    for (const pod of pods) {
      if (pod.containers.length === 0) continue
      let folder = known.get(pod.uid)
      let names = folder === undefined ? [] : this.#children(folder)
      if (names.length === 0) {
        folder = await this.#options.cgroupOf(pod.uid)
        names = folder === undefined ? [] : this.#children(folder)
      }
      if (folder === undefined) continue
      next.set(pod.uid, folder)
      const children = pod.containers.flatMap((container) => {
        const name = names.find((each) => each.includes(container.id))
        return name === undefined ? [] : [{ container, folder: `${folder}/${name}` }]
      })
      yield { pod, folder, children }
      await new Promise(setImmediate)
    }
    this.#folders = next
  }

  #podReading(pod: MeasuredPod, folder: string, children: readonly { container: MeasuredContainer; folder: string }[]): PodReading {
    const containers = children.map((child) => this.#containerReading(child.container, child.folder))
    const pid = containers.find((each) => each.pid !== undefined)?.pid
    const read = this.#reader(folder)
    return {
      pod,
      folder,
      usage: cgroupUsage(this.#options.version, read),
      pressure: this.#pressures(read),
      traffic: pod.hostNetwork || pid === undefined ? [] : deviceTraffic(this.#proc(`${pid}/net/dev`)),
      containers,
    }
  }

  #containerReading(container: MeasuredContainer, folder: string): ContainerReading {
    const read = this.#reader(folder)
    const pids = this.#processes(folder)
    const usage = cgroupUsage(this.#options.version, read)
    return { container, folder, usage, pressure: this.#pressures(read), processes: pids.length, ...(pids[0] && { pid: pids[0] }) }
  }

  /** Runtimes may put a container's processes into one more group below its own. */
  #processes(folder: string): readonly number[] {
    const within = (each: string): readonly number[] =>
      this.#reader(each)('cpuacct', 'cgroup.procs')
        .split('\n')
        .map(Number)
        .filter((pid) => pid > 0)
    const own = within(folder)
    return own.length > 0 ? own : this.#children(folder).flatMap((name) => within(`${folder}/${name}`))
  }

  #pressures(read: ReadCgroup): Pressures {
    return this.#options.version === 2 ? pressures((resource) => read('cpu', `${resource}.pressure`)) : {}
  }

  #reader(folder: string): ReadCgroup {
    const { version } = this.#options
    return (controller, file) => readNow(join(this.#cgroupRoot, version === 1 ? controller : '', folder, file))
  }

  /** Names of the groups in this one. */
  #children(folder: string): readonly string[] {
    try {
      const path = join(this.#cgroupRoot, this.#options.version === 1 ? 'cpuacct' : '', folder)
      return readdirSync(path, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? entry.name : []))
    } catch {
      return [] // gone
    }
  }

  #proc(path: string): string {
    return readNow(join(this.#procRoot, path))
  }
}

function pressures(read: (resource: 'cpu' | 'memory' | 'io') => string): Pressures {
  const [cpu, memory, io] = [pressure(read('cpu')), pressure(read('memory')), pressure(read('io'))]
  return { ...(cpu && { cpu }), ...(memory && { memory }), ...(io && { io }) }
}
