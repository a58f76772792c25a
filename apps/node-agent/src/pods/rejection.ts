/** Why a node does not take a pod in. */
export interface Rejection {
  /** e.g. `NodeShutdown`, `Evicted`. */
  readonly reason: string
  readonly message: string
}

/** How a pod is ended before its time. */
export interface Eviction extends Rejection {
  /** At most so long, preStop hooks included; less when the pod says so. */
  readonly graceMs: number
  /** Reason of the condition `DisruptionTarget`; false: none is told. Default: `TerminationByKubelet`. */
  readonly disruption?: string | false
}

export const SHUTTING_DOWN: Rejection = { reason: 'NodeShutdown', message: 'Pod was rejected as the node is shutting down.' }

/** Of pods that were running then. Source: kubelet nodeshutdown. */
export const SHUT_DOWN: Rejection = { reason: 'Terminated', message: 'Pod was terminated in response to imminent node shutdown.' }
