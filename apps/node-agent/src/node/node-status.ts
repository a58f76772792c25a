import type { Timestamp } from '@bramble/api/object'
import type { NodeCondition, NodeStatus } from '@bramble/api/types/node'
import type { Inventory, Usage } from './system-facts.ts'

export interface NodeStatusSettings {
  readonly nodeName: string
  /** Version of the agent, e.g. `0.1.0`. */
  readonly version: string
  /** From `--label`; they win over what was found out. */
  readonly labels: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  /** Overrides the address of the default route. */
  readonly nodeIp?: string
}
export interface RuntimeStatus {
  readonly name: string
  readonly ready: boolean
  readonly reason?: string
  readonly version: string
}

const PODS_MAX = 110
/** Kept for the system and the agent: eviction and the agent itself need room. */
const RESERVED_MEMORY_BYTES = 128 * 2 ** 20
const RESERVED_CPU_MILLIS = 100
const MEMORY_PRESSURE_BYTES = 100 * 2 ** 20
const DISK_PRESSURE_SHARE = 0.1
const DISK_PRESSURE_BYTES_MAX = 2 * 2 ** 30
const INODES_PRESSURE_MIN = 10_000
const PIDS_PRESSURE_SHARE = 0.9
const PIDS_MAX = 32_768
const THROTTLING_CELSIUS = 80

/** The status of a node as `kubectl describe node` shows it. Pure; heartbeat times are left to the control plane. */
export function nodeStatus(
  inventory: Inventory,
  usage: Usage,
  settings: NodeStatusSettings,
  runtime: RuntimeStatus,
  podsReady: string | undefined,
  now: Timestamp,
): NodeStatus {
  const capacity = {
    cpu: String(inventory.cpuCount),
    memory: `${Math.floor(inventory.memoryBytes / 1024)}Ki`,
    pods: String(PODS_MAX),
    'ephemeral-storage': `${Math.floor(inventory.diskBytes / 1024)}Ki`,
  }
  const allocatable = {
    cpu: `${inventory.cpuCount * 1000 - Math.min(RESERVED_CPU_MILLIS, inventory.cpuCount * 50)}m`,
    memory: `${Math.floor((inventory.memoryBytes - Math.min(RESERVED_MEMORY_BYTES, inventory.memoryBytes / 4)) / 1024)}Ki`,
    pods: String(PODS_MAX),
    'ephemeral-storage': `${Math.floor((inventory.diskBytes * 0.9) / 1024)}Ki`,
  }
  const address = settings.nodeIp ?? usage.addresses[0]
  return {
    capacity,
    allocatable,
    conditions: conditions(inventory, usage, runtime, address, podsReady).map((condition) => ({ ...condition, lastTransitionTime: now })),
    addresses: [
      ...(address === undefined ? [] : [{ type: 'InternalIP' as const, address }]),
      { type: 'Hostname', address: inventory.hostname },
    ],
    nodeInfo: {
      machineID: inventory.machineId,
      systemUUID: inventory.systemUuid,
      bootID: inventory.bootId,
      kernelVersion: inventory.kernelVersion,
      osImage: inventory.osImage,
      containerRuntimeVersion: `${runtime.name}://${runtime.version}`,
      kubeletVersion: `v1.36.2+bramble.${settings.version}`,
      kubeProxyVersion: `v1.36.2+bramble.${settings.version}`,
      operatingSystem: 'linux',
      architecture: inventory.architecture,
    },
  }
}

function conditions(
  inventory: Inventory,
  usage: Usage,
  runtime: RuntimeStatus,
  address: string | undefined,
  podsReady: string | undefined,
): readonly NodeCondition[] {
  const notReady = !runtime.ready
    ? `container runtime is not ready: ${runtime.reason ?? 'unknown reason'}`
    : address === undefined
      ? 'the node has no IPv4 address'
      : podsReady
  const diskFloor = Math.min(inventory.diskBytes * DISK_PRESSURE_SHARE, DISK_PRESSURE_BYTES_MAX)
  const pressure = (type: string, pressed: boolean, bad: string, good: string, what: string): NodeCondition => ({
    type,
    status: pressed ? 'True' : 'False',
    reason: pressed ? bad : good,
    message: `the node has ${pressed ? '' : 'no '}${what}`,
  })
  const memoryLow = usage.memoryAvailableBytes < Math.min(MEMORY_PRESSURE_BYTES, inventory.memoryBytes / 10)
  const diskLow = usage.diskAvailableBytes < diskFloor || usage.inodesAvailable < INODES_PRESSURE_MIN
  return [
    pressure('MemoryPressure', memoryLow, 'NodeHasInsufficientMemory', 'NodeHasSufficientMemory', 'memory pressure'),
    pressure('DiskPressure', diskLow, 'NodeHasDiskPressure', 'NodeHasNoDiskPressure', 'disk pressure'),
    pressure(
      'PIDPressure',
      usage.processes > PIDS_MAX * PIDS_PRESSURE_SHARE,
      'NodeHasInsufficientPID',
      'NodeHasSufficientPID',
      'PID pressure',
    ),
    ...(usage.temperatureCelsius === undefined ? [] : [temperature(usage.temperatureCelsius)]),
    notReady === undefined
      ? { type: 'Ready', status: 'True', reason: 'AgentReady', message: 'the agent is posting ready status' }
      : { type: 'Ready', status: 'False', reason: 'AgentNotReady', message: notReady },
  ]
}

const temperature = (celsius: number): NodeCondition =>
  celsius >= THROTTLING_CELSIUS
    ? {
        type: 'HighTemperature',
        status: 'True',
        reason: 'ProcessorHot',
        message: `the processor is at ${THROTTLING_CELSIUS} °C or more and slows down`,
      }
    : { type: 'HighTemperature', status: 'False', reason: 'ProcessorCool', message: 'the processor is not too hot' }

/** Kubernetes' well-known labels, ours, and what the operator set. Source: "Well-Known Labels, Annotations and Taints". */
export const nodeLabels = (inventory: Inventory, settings: NodeStatusSettings): Readonly<Record<string, string>> => ({
  'kubernetes.io/hostname': settings.nodeName,
  'kubernetes.io/os': 'linux',
  'kubernetes.io/arch': inventory.architecture,
  'bramble.dev/page-size': String(inventory.pageSizeBytes),
  ...(inventory.model !== undefined && { 'bramble.dev/model': labelValue(inventory.model) }),
  ...(inventory.boardRevision !== undefined && { 'bramble.dev/board-revision': labelValue(inventory.boardRevision) }),
  ...(inventory.boardSerial !== undefined && { 'bramble.dev/board-serial': labelValue(inventory.boardSerial) }),
  ...(inventory.diskType !== 'unknown' && { disktype: inventory.diskType }),
  ...settings.labels,
})

const labelValue = (text: string): string =>
  text
    .replace(/[^A-Za-z0-9_.-]+/g, '-')
    .slice(0, 63)
    .replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '')
