import type { KubeObject } from '../object.ts'
import type { ResourceList, Toleration } from './pod.ts'

/** Source: scheduling.k8s.io/v1 PriorityClass. */
export interface PriorityClass extends KubeObject {
  /** 0 when absent. */
  value?: number
  /** The class of pods that name none. */
  globalDefault?: boolean
  description?: string
  preemptionPolicy?: string
}

/** Source: node.k8s.io/v1 RuntimeClass. */
export interface RuntimeClass extends KubeObject {
  handler?: string
  overhead?: { podFixed?: ResourceList }
  scheduling?: { nodeSelector?: Record<string, string>; tolerations?: Toleration[] }
}
