/** Network namespaces of pods. `cni-network.ts` runs standard CNI plugins; a runtime that speaks CRI does this itself. */
export interface PodNetwork {
  /**
   * Makes the namespace and plugs it in; the same uid twice returns the same. @throws when the node has no pod CIDR yet.
   * @returns path of the network namespace, and the pod's address.
   */
  add(pod: PodNetworkConfig, signal: AbortSignal): Promise<{ readonly netnsPath: string; readonly ip: string }>
  /** Unplugs and removes; absent = success. */
  remove(podUid: string): Promise<void>
  /** What exists now, e.g. to remove what no pod needs. */
  list(): Promise<readonly { readonly podUid: string; readonly netnsPath: string; readonly ip?: string }[]>
}

export interface PodNetworkConfig {
  readonly podUid: string
  readonly namespace: string
  readonly name: string
  readonly portMappings: readonly {
    readonly hostPort: number
    readonly containerPort: number
    readonly protocol: 'tcp' | 'udp'
    readonly hostIp?: string
  }[]
}
