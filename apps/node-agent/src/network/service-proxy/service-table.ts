/** How this node shall route Services. Built by the pure function in this file from Services, EndpointSlices and Nodes. */
export interface ServiceTable {
  /** All pods of the cluster, e.g. 10.42.0.0/16: traffic inside it is never masqueraded. */
  readonly podNetwork: string
  /** All cluster IPs, e.g. 10.43.0.0/16. */
  readonly serviceNetwork: string
  /** Sorted by id. */
  readonly forwards: readonly ServiceForward[]
}

export interface ServiceForward {
  /** `namespace/service:port`, the port's name or number. */
  readonly id: string
  readonly protocol: 'TCP' | 'UDP'
  readonly clusterIp: string
  readonly port: number
  readonly nodePort?: number
  /** ClientIP affinity, seconds. */
  readonly affinitySeconds?: number
  readonly externalLocal: boolean
  readonly internalLocal: boolean
  /** Sorted by ip, then port. Empty: REJECT. */
  readonly backends: readonly Backend[]
}

export interface Backend {
  readonly ip: string
  readonly port: number
  /** On this node. */
  readonly local: boolean
}
