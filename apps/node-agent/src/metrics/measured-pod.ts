/** A pod as far as those who measure it need to know it. */
export interface MeasuredPod {
  readonly uid: string
  readonly namespace: string
  readonly name: string
  /** Its traffic is the node's. */
  readonly hostNetwork: boolean
  /** When the node took it in; absent before it is told. */
  readonly acceptedAtMs?: number
  /** Those that run. */
  readonly containers: readonly MeasuredContainer[]
}

export interface MeasuredContainer {
  readonly id: string
  readonly name: string
  /** As the pod asked for it. */
  readonly image: string
  readonly startedAtMs: number
  /** Where volumes that the pod claimed are in it. */
  readonly claims: readonly { readonly volume: string; readonly claim: string; readonly path: string }[]
}
