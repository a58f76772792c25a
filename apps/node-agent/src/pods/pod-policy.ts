import type { Devices } from '../devices/devices.ts'
import type { SecuritySettings } from './security/security-context.ts'

/** What an operator lets the pods of a node do. */
export interface PodPolicy {
  readonly security?: SecuritySettings
  /** Processes and threads of one pod; absent: as many as the system allows. */
  readonly pidsLimit?: number
  /** That pods may ask for by name. */
  readonly devices?: Pick<Devices, 'take'>
}
