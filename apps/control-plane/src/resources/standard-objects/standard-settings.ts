export interface StandardSettings {
  /** The first address of the service network: pods reach the API there. */
  readonly apiServiceIp: string
  /** IPv4 network of the Services' addresses, e.g. 10.43.0.0/16. */
  readonly serviceNetwork: string
  /** IPv4 address at which nodes and pods reach this control plane. With a loopback address the Service has no endpoint. */
  readonly advertiseAddress: string
  readonly apiPort: number
}
