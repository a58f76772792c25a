import type { Condition } from '../conditions.ts'
import type { KubeObject, Timestamp } from '../object.ts'
import type { ObjectReference } from './service.ts'

export interface Namespace extends KubeObject {
  spec?: { finalizers?: string[] }
  status?: { phase?: 'Active' | 'Terminating'; conditions?: Condition[] }
}

export interface ConfigMap extends KubeObject {
  data?: Record<string, string>
  /** Base64 values. */
  binaryData?: Record<string, string>
  immutable?: boolean
}

export interface Secret extends KubeObject {
  type?: string
  /** Base64 values. */
  data?: Record<string, string>
  /** Write-only convenience: folded into `data` on write. */
  stringData?: Record<string, string>
  immutable?: boolean
}

export interface ServiceAccount extends KubeObject {
  secrets?: ObjectReference[]
  imagePullSecrets?: { name?: string }[]
  automountServiceAccountToken?: boolean
}

/** Source: core/v1 Event. Volatile in Bramble: kept in memory, never on the disk. */
export interface KubeEvent extends KubeObject {
  involvedObject: ObjectReference
  reason?: string
  message?: string
  type?: 'Normal' | 'Warning'
  source?: { component?: string; host?: string }
  firstTimestamp?: Timestamp | null
  lastTimestamp?: Timestamp | null
  eventTime?: string | null
  count?: number
  reportingComponent?: string
  reportingInstance?: string
  action?: string
  related?: ObjectReference
  series?: { count: number; lastObservedTime: string }
}

/** Source: core/v1 ComponentStatus. */
export interface ComponentStatus extends KubeObject {
  conditions?: { type: string; status: 'True' | 'False' | 'Unknown'; message?: string; error?: string }[]
}

/** Source: coordination.k8s.io/v1 Lease. Volatile in Bramble. */
export interface Lease extends KubeObject {
  spec?: {
    holderIdentity?: string
    leaseDurationSeconds?: number
    acquireTime?: string
    renewTime?: string
    leaseTransitions?: number
    strategy?: string
    preferredHolder?: string
  }
}
