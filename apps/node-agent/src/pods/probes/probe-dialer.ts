/** How the agent reaches into a pod's network. `socket-dialer.ts`; simulations answer for their containers. */
export interface ProbeDialer {
  /**
   * Redirects to the same host are followed, others are the answer.
   * @returns the status code, and of a redirect the first 10 KiB of its body.
   * @throws when there is none in time, in Go's words where Kubernetes shows them.
   */
  http(request: HttpProbeRequest, timeoutMs: number): Promise<HttpProbeAnswer>
  /** @throws when no connection can be made in time. */
  tcp(host: string, port: number, timeoutMs: number): Promise<void>
  /** grpc.health.v1.Health/Check. @throws unless the answer is SERVING. */
  grpc(host: string, port: number, service: string, timeoutMs: number): Promise<void>
}

export interface HttpProbeRequest {
  readonly scheme: 'HTTP' | 'HTTPS'
  readonly host: string
  readonly port: number
  readonly path: string
  readonly headers: readonly { readonly name: string; readonly value: string }[]
  /** Default: {@link PROBE_USER_AGENT}. */
  readonly userAgent?: string
}

export interface HttpProbeAnswer {
  readonly statusCode: number
  readonly body?: string
}

export const PROBE_USER_AGENT = 'kube-probe/1.36'
export const LIFECYCLE_USER_AGENT = 'kube-lifecycle/1.36'
