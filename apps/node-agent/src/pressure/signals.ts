/** What may run short on a node. Source: Kubernetes "Node-pressure Eviction: Eviction signals". */
export type Signal =
  | 'memory.available'
  /** What is left to all pods together of what the system does not keep for itself. Has the threshold of memory.available. */
  | 'allocatableMemory.available'
  | 'nodefs.available'
  | 'nodefs.inodesFree'
  | 'imagefs.available'
  | 'imagefs.inodesFree'
  | 'pid.available'

export type PressureType = 'MemoryPressure' | 'DiskPressure' | 'PIDPressure'
export type ScarceResource = 'memory' | 'ephemeral-storage' | 'inodes' | 'pids'

/** Bytes, inodes, or processes and threads. */
export interface Observation {
  readonly available: number
  readonly capacity: number
}
/** What cannot be found out is left out. */
export type Observations = ReadonlyMap<Signal, Observation>

export const SETTABLE_SIGNALS: readonly Signal[] = [
  'memory.available',
  'nodefs.available',
  'nodefs.inodesFree',
  'imagefs.available',
  'imagefs.inodesFree',
  'pid.available',
]

export const PRESSURE_OF: Readonly<Record<Signal, PressureType>> = {
  'memory.available': 'MemoryPressure',
  'allocatableMemory.available': 'MemoryPressure',
  'nodefs.available': 'DiskPressure',
  'nodefs.inodesFree': 'DiskPressure',
  'imagefs.available': 'DiskPressure',
  'imagefs.inodesFree': 'DiskPressure',
  'pid.available': 'PIDPressure',
}

export const RESOURCE_OF: Readonly<Record<Signal, ScarceResource>> = {
  'memory.available': 'memory',
  'allocatableMemory.available': 'memory',
  'nodefs.available': 'ephemeral-storage',
  'nodefs.inodesFree': 'inodes',
  'imagefs.available': 'ephemeral-storage',
  'imagefs.inodesFree': 'inodes',
  'pid.available': 'pids',
}

export interface NodeSignals {
  readonly observations: Observations
  /** Images are on a disk of their own. */
  readonly imagesApart: boolean
  /** Folders that the agent needs and cannot write to. */
  readonly readOnly: readonly string[]
}
export interface SignalSource {
  /** Cheap: no child process. Never throws; what cannot be found out is left out. */
  look(): Promise<NodeSignals>
}
