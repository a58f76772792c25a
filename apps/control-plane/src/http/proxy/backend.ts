import { request as httpRequest, type ClientRequest } from 'node:http'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { StatusError } from '@bramble/api/status-error'

/** Something that speaks HTTP behind a connection that only a node can make. */
export interface Backend {
  readonly scheme: 'http' | 'https'
  /** By which it may name itself in redirects: `10.0.0.7:80`. */
  readonly hosts: readonly string[]
  readonly connect: (signal: AbortSignal) => Promise<Duplex>
}

/** What is asked of the backend. */
export interface Asked {
  readonly path: string
  readonly search: string
  readonly headers: string[]
}

/** Whoever is proxied to was chosen by the one who asks; like Kubernetes, nobody checks the certificates of pods. */
export async function backendConnection({ scheme, connect }: Backend, signal: AbortSignal): Promise<Duplex> {
  const plain = await connect(signal)
  if (scheme === 'http') return plain
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>()
  const secure = connectTls({ socket: plain, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
  secure.once('secureConnect', () => resolve(secure))
  secure.once('error', reject)
  secure.once('close', () => reject(new Error('the backend closed the connection')))
  return promise
}

/** One request of HTTP/1.1, not begun yet. @param headers As {@link requestHeaders} gives them. */
export const backendRequest = (
  connection: Duplex,
  {
    method,
    path,
    headers,
    signal,
  }: { readonly method: string; readonly path: string; readonly headers: readonly string[]; readonly signal: AbortSignal },
): ClientRequest =>
  httpRequest({
    createConnection: () => connection,
    setHost: false,
    method,
    path,
    headers: headers as string[],
    signal,
  })

/** No Retry-After: clients would ask again and again for what is not there. Source: apimachinery pkg/api/errors NewServiceUnavailable. */
export const unavailable = (message: string, options?: ErrorOptions): StatusError =>
  new StatusError(503, 'ServiceUnavailable', message, undefined, options)

/** In the words of Kubernetes. */
export const unreachable = (error: unknown): StatusError =>
  unavailable(`error trying to reach service: ${error instanceof Error ? error.message : error}`, { cause: error })
