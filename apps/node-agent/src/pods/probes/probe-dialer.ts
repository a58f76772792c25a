/** How the agent reaches into a pod's network. `socket-dialer.ts`; simulations answer for their containers. */
export interface ProbeDialer {
  /** @returns the status code of the answer. @throws when there is none in time, in Go's words where Kubernetes shows them. */
  http(request: HttpProbeRequest, timeoutMs: number): Promise<{ readonly statusCode: number }>
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
}
