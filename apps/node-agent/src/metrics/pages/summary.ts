// Pure: readings as kubelet shows them at /stats/summary. Source: k8s.io/kubelet pkg/apis/stats/v1alpha1.
import { timestamp } from '@bramble/api/duration'
import type { CgroupUsage, CpuUsage } from '../cgroup-usage.ts'
import type { ClaimReading, CountedBytes, DiskCount, FileSystemReading, PodFolders } from '../disk-measures.ts'
import type { ContainerReading, MachineReading, PodReading, Pressures } from '../measures.ts'
import type { DeviceTraffic, Pressure } from '../proc-texts.ts'

export interface NodeSummaryParts {
  readonly nodeName: string
  readonly nowMs: number
  readonly machine: MachineReading
  /** In thousandths of a core, of late. */
  readonly cpuMillis: number
  readonly agent: { readonly cpuNs: number; readonly rssBytes: number; readonly startedAtMs: number }
  readonly allPods?: CgroupUsage
  /** Absent: only processor and memory were asked for. */
  readonly disks?: { readonly node?: FileSystemReading; readonly images?: FileSystemReading }
}

export function nodeSummary({ nodeName, nowMs, machine, cpuMillis, agent, allPods, disks }: NodeSummaryParts): object {
  const time = timestamp(nowMs)
  const { memory } = machine
  const usageNs = machine.userNs + machine.systemNs
  return {
    nodeName,
    systemContainers: [
      {
        name: 'kubelet',
        startTime: timestamp(agent.startedAtMs),
        cpu: { time, usageCoreNanoSeconds: Math.round(agent.cpuNs) },
        memory: { time, usageBytes: agent.rssBytes, workingSetBytes: agent.rssBytes, rssBytes: agent.rssBytes },
      },
      ...(allPods ? [{ name: 'pods', startTime: timestamp(agent.startedAtMs), ...cpuAndMemory(allPods, {}, time, undefined) }] : []),
    ],
    startTime: timestamp(machine.bootedAtMs),
    cpu: { time, usageNanoCores: Math.round(cpuMillis * 1e6), usageCoreNanoSeconds: usageNs, ...psi(machine.pressure.cpu) },
    memory: {
      time,
      availableBytes: memory.availableBytes,
      usageBytes: memory.usageBytes,
      workingSetBytes: memory.totalBytes - memory.availableBytes,
      rssBytes: memory.rssBytes,
      pageFaults: machine.pageFaults,
      majorPageFaults: machine.majorPageFaults,
      ...psi(machine.pressure.memory),
    },
    swap: { time, swapAvailableBytes: memory.swapTotalBytes - memory.swapBytes, swapUsageBytes: memory.swapBytes },
    ...(machine.pressure.io && { io: { time, ...psi(machine.pressure.io) } }),
    ...(disks && {
      network: network(machine.traffic, time),
      ...(disks.node && { fs: fileSystem(disks.node) }),
      ...(disks.images && { runtime: { imageFs: fileSystem(disks.images), containerFs: fileSystem(disks.images) } }),
      rlimit: { time, curproc: machine.tasks },
    }),
  }
}

export interface PodSummaryParts {
  readonly reading: PodReading
  readonly nowMs: number
  /** Of a container, of late; undefined while that is not known. */
  readonly cpuMillis: (reading: ContainerReading) => number | undefined
  /** Absent: only processor and memory were asked for. */
  readonly disks?: {
    readonly count: DiskCount
    readonly claims: readonly ClaimReading[]
    readonly node?: FileSystemReading
    readonly images?: FileSystemReading
  }
}

export function podSummary({ reading, nowMs, cpuMillis, disks }: PodSummaryParts): object {
  const { pod, usage, pressure, containers, traffic } = reading
  const time = timestamp(nowMs)
  const rates = containers.map(cpuMillis)
  const podMillis = rates.every((rate) => rate !== undefined) ? rates.reduce((sum, rate) => sum + rate, 0) : undefined
  const folders = disks?.count.pods.get(pod.uid)
  const startedAtMs = pod.acceptedAtMs ?? Math.min(nowMs, ...pod.containers.map((container) => container.startedAtMs))
  return {
    podRef: { name: pod.name, namespace: pod.namespace, uid: pod.uid },
    startTime: timestamp(startedAtMs),
    containers: containers.map((each, index) => ({
      name: each.container.name,
      startTime: timestamp(each.container.startedAtMs),
      ...cpuAndMemory(each.usage, each.pressure, time, rates[index]),
      ...(disks && {
        rootfs: shareOf(disks.images ?? disks.node, disks.count.layers.get(each.container.id) ?? { usedBytes: 0 }, disks.count.atMs),
        // what of the pod's logs is whose is not counted: most pods have one container that talks
        logs: shareOf(disks.node, { usedBytes: (folders?.logBytes ?? 0) / containers.length }, disks.count.atMs),
      }),
    })),
    ...cpuAndMemory(usage, pressure, time, podMillis),
    ...(disks && {
      ...(traffic.length > 0 && { network: network(traffic, time) }),
      volume: [...volumes(folders, disks.node, disks.count.atMs), ...disks.claims.map((claim) => claimed(claim, pod.namespace))],
      'ephemeral-storage': shareOf(disks.node, ephemeral(reading, disks.count, folders), disks.count.atMs),
    }),
    process_stats: { process_count: usage.tasks ?? containers.reduce((sum, { processes }) => sum + processes, 0) },
  }
}

function cpuAndMemory({ cpu, memory, limits }: CgroupUsage, pressure: Pressures, time: string, cpuMillis: number | undefined): object {
  return {
    ...(cpu && { cpu: cpuStats(cpu, pressure, time, cpuMillis) }),
    ...(memory && {
      memory: {
        time,
        ...(limits.memoryBytes !== undefined && { availableBytes: Math.max(0, limits.memoryBytes - memory.workingSetBytes) }),
        usageBytes: memory.usageBytes,
        workingSetBytes: memory.workingSetBytes,
        rssBytes: memory.rssBytes,
        pageFaults: memory.pageFaults,
        majorPageFaults: memory.majorPageFaults,
        ...psi(pressure.memory),
      },
      swap: { time, swapUsageBytes: memory.swapBytes },
    }),
    ...(pressure.io && { io: { time, ...psi(pressure.io) } }),
  }
}

const cpuStats = (cpu: CpuUsage, pressure: Pressures, time: string, cpuMillis: number | undefined): object => ({
  time,
  ...(cpuMillis !== undefined && { usageNanoCores: Math.round(cpuMillis * 1e6) }),
  usageCoreNanoSeconds: cpu.usageNs,
  ...psi(pressure.cpu),
})

function network(devices: readonly DeviceTraffic[], time: string): object {
  const interfaces = devices.map(({ name, received, sent }) => ({
    name,
    rxBytes: received.bytes,
    rxErrors: received.errors,
    txBytes: sent.bytes,
    txErrors: sent.errors,
  }))
  const first = interfaces.find(({ name }) => name === 'eth0') ?? interfaces.find(({ rxBytes }) => rxBytes > 0) ?? interfaces[0]
  return { time, ...first, interfaces }
}

const fileSystem = ({ atMs, availableBytes, capacityBytes, usedBytes, inodes, inodesFree }: FileSystemReading): object => ({
  time: timestamp(atMs),
  availableBytes,
  capacityBytes,
  usedBytes,
  inodesFree,
  inodes,
  inodesUsed: inodes - inodesFree,
})

/** What one has used of a file system that it shares with others. */
const shareOf = (whole: FileSystemReading | undefined, { usedBytes, inodes }: CountedBytes, atMs: number): object => ({
  time: timestamp(atMs),
  ...(whole && {
    availableBytes: whole.availableBytes,
    capacityBytes: whole.capacityBytes,
    inodesFree: whole.inodesFree,
    inodes: whole.inodes,
  }),
  usedBytes: Math.round(usedBytes),
  ...(inodes !== undefined && { inodesUsed: inodes }),
})

const volumes = (folders: PodFolders | undefined, node: FileSystemReading | undefined, atMs: number): readonly object[] =>
  (folders?.volumes ?? []).map(({ name, usedBytes, inodes, inMemory }) => ({
    ...shareOf(inMemory ? undefined : node, { usedBytes, inodes }, atMs),
    name,
  }))

const claimed = ({ volume, claim, ...reading }: ClaimReading, namespace: string): object => ({
  ...fileSystem(reading),
  name: volume,
  pvcRef: { name: claim, namespace },
})

/** Writable layers, logs and volumes that are on the disk. Source: kubelet, `calcEphemeralStorage`. */
function ephemeral({ containers }: PodReading, count: DiskCount, folders: PodFolders | undefined): CountedBytes {
  const layers = containers.map(({ container }) => count.layers.get(container.id)).filter((layer) => layer !== undefined)
  const onDisk = (folders?.volumes ?? []).filter(({ inMemory }) => !inMemory)
  return {
    usedBytes: [...layers, ...onDisk].reduce((sum, { usedBytes }) => sum + usedBytes, folders?.logBytes ?? 0),
    inodes: [...layers, ...onDisk].reduce((sum, { inodes = 0 }) => sum + inodes, 0),
  }
}

const psi = (pressure: Pressure | undefined): object =>
  pressure ? { psi: { full: psiLine(pressure.full), some: psiLine(pressure.some) } } : {}

const psiLine = (line: Pressure['some'] | undefined): object => ({
  total: (line?.totalUs ?? 0) * 1000,
  avg10: line?.avg10 ?? 0,
  avg60: line?.avg60 ?? 0,
  avg300: line?.avg300 ?? 0,
})
