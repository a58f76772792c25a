/** Network namespaces of pods. `cni-network.ts` runs standard CNI plugins; a runtime that speaks CRI does this itself, see `plugging`. */
export interface PodNetwork {
  /**
   * Makes the namespace and plugs it in; the same uid twice returns the same. @throws when the node has no pod CIDR yet.
   * @returns path of the network namespace, and the pod's address.
   */
  add(pod: PodNetworkConfig, signal: AbortSignal): Promise<{ readonly netnsPath: string; readonly ip: string }>
  /** Unplugs and removes; absent = success. */
  remove(podUid: string): Promise<void>
  /**
   * For a runtime that runs the CNI plugins itself, by the same configuration. While `plug` runs, the pod gets the address that it had
   * before, where nobody has it.
   *
   * @param plug @returns the address that the pod has got.
   * @throws when the node has no pod CIDR yet (`plug` is not called then), or the address is of another network.
   */
  plugging(podUid: string, plug: () => Promise<string | undefined>): Promise<void>
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
