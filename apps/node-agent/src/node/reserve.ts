/** What pods do not get of a node. */
export interface Reserve {
  readonly cpuMillis: number
  /** Of the system, the agent and the runtime: pods together cannot take it. */
  readonly memoryBytes: number
  /** Left free beyond that: when less is free, pods have to go. */
  readonly evictionMemoryBytes: number
  readonly diskBytes: number
}

const MiB = 2 ** 20

/** Of the agent and the container runtime: what they need does not grow with the board. */
export const kubeReserve = (memoryBytes: number, cpuCount: number) => ({
  cpuMillis: Math.min(100, cpuCount * 50),
  memoryBytes: Math.floor(Math.min(80 * MiB, memoryBytes / 8)),
  diskBytes: 0,
})

/** Of the system. */
export const systemReserve = (memoryBytes: number) => ({
  cpuMillis: 0,
  memoryBytes: Math.floor(Math.min(256 * MiB, memoryBytes / 16)),
  diskBytes: 0,
})

/** Where nobody said anything: by size of the board. */
export function defaultReserve(memoryBytes: number, cpuCount: number, diskBytes: number): Reserve {
  const [kube, system] = [kubeReserve(memoryBytes, cpuCount), systemReserve(memoryBytes)]
  return {
    cpuMillis: kube.cpuMillis + system.cpuMillis,
    memoryBytes: kube.memoryBytes + system.memoryBytes,
    evictionMemoryBytes: Math.floor(Math.min(100 * MiB, memoryBytes / 10)),
    diskBytes: Math.floor(Math.min(500 * MiB, diskBytes / 20)),
  }
}
