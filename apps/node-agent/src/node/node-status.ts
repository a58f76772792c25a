import type { Timestamp } from '@bramble/api/object'
import type { NodeCondition, NodeStatus } from '@bramble/api/types/node'
import { defaultReserve, type Reserve } from './reserve.ts'
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

/** What others found out about the node. */
export interface NodeFindings {
  /** Types of conditions that hold: `MemoryPressure` and the like. */
  readonly pressures?: readonly string[]
  /** To be told besides. */
  readonly conditions?: readonly NodeCondition[]
  /** What pods do not get; absent: by size of the board. */
  readonly reserve?: Reserve
}

const PODS_MAX = 110

/** The status of a node as `kubectl describe node` shows it. Pure; heartbeat times are left to the control plane. */
export function nodeStatus(
  inventory: Inventory,
  usage: Usage,
  settings: NodeStatusSettings,
  runtime: RuntimeStatus,
  podsReady: string | undefined,
  now: Timestamp,
  found: NodeFindings = {},
): NodeStatus {
  const reserve = found.reserve ?? defaultReserve(inventory.memoryBytes, inventory.cpuCount, inventory.diskBytes)
  const capacity = {
    cpu: String(inventory.cpuCount),
    memory: kibibytes(inventory.memoryBytes),
    pods: String(PODS_MAX),
    'ephemeral-storage': kibibytes(inventory.diskBytes),
  }
  const allocatable = {
    cpu: `${Math.max(0, inventory.cpuCount * 1000 - reserve.cpuMillis)}m`,
    memory: kibibytes(inventory.memoryBytes - reserve.memoryBytes - reserve.evictionMemoryBytes),
    pods: String(PODS_MAX),
    'ephemeral-storage': kibibytes(inventory.diskBytes - reserve.diskBytes),
  }
  const address = settings.nodeIp ?? usage.addresses[0]
  return {
    capacity,
    allocatable,
    conditions: conditions(runtime, address, podsReady, found).map((condition) => ({ ...condition, lastTransitionTime: now })),
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

const kibibytes = (bytes: number): string => `${Math.floor(Math.max(0, bytes) / 1024)}Ki`

function conditions(
  runtime: RuntimeStatus,
  address: string | undefined,
  podsReady: string | undefined,
  found: NodeFindings,
): readonly NodeCondition[] {
  const notReady = !runtime.ready
    ? `container runtime is not ready: ${runtime.reason ?? 'unknown reason'}`
    : address === undefined
      ? 'the node has no IPv4 address'
      : podsReady
  const pressure = (type: string, bad: string, good: string, what: string): NodeCondition => {
    const isPressed = found.pressures?.includes(type) ?? false
    return {
      type,
      status: isPressed ? 'True' : 'False',
      reason: isPressed ? bad : good,
      message: `the node has ${isPressed ? '' : 'no '}${what}`,
    }
  }
  return [
    pressure('MemoryPressure', 'NodeHasInsufficientMemory', 'NodeHasSufficientMemory', 'memory pressure'),
    pressure('DiskPressure', 'NodeHasDiskPressure', 'NodeHasNoDiskPressure', 'disk pressure'),
    pressure('PIDPressure', 'NodeHasInsufficientPID', 'NodeHasSufficientPID', 'PID pressure'),
    ...(found.conditions ?? []),
    notReady === undefined
      ? { type: 'Ready', status: 'True', reason: 'AgentReady', message: 'the agent is posting ready status' }
      : { type: 'Ready', status: 'False', reason: 'AgentNotReady', message: notReady },
  ]
}

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
