import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import type { ServiceError } from '@grpc/grpc-js'
import type { Clock } from '@bramble/reconcile/env'
import { within } from '../within.ts'
import type { HttpProbeRequest, ProbeDialer } from './probe-dialer.ts'

const NEVER = new AbortController().signal
const NO_REUSE = new HttpAgent({ keepAlive: false })

/** Probes with this process's own sockets: the host reaches every pod of its node. */
export const socketDialer = (clock: Clock): ProbeDialer => ({
  http: (request, timeoutMs) => {
    const url = `${request.scheme.toLowerCase()}://${request.host}:${request.port}${request.path}`
    return within(clock, timeoutMs, `Get "${url}"`, NEVER, (signal) => get(request, url, signal))
  },
  tcp: (host, port, timeoutMs) =>
    within(
      clock,
      timeoutMs,
      `dial tcp ${host}:${port}`,
      NEVER,
      (signal) =>
        new Promise<void>((resolve, reject) => {
          const socket = connect({ host, port, signal })
          socket.once('connect', () => {
            socket.destroy()
            resolve()
          })
          socket.once('error', (error) => {
            socket.destroy()
            reject(new Error(dialError(host, port, error), { cause: error }))
          })
        }),
    ),
  grpc: (host, port, service, timeoutMs) =>
    within(clock, timeoutMs, `health check of ${host}:${port}`, NEVER, () => checkHealth(host, port, service)),
})

function get(
  { scheme, host, port, path, headers }: HttpProbeRequest,
  url: string,
  signal: AbortSignal,
): Promise<{ readonly statusCode: number }> {
  const given = Object.fromEntries(headers.map(({ name, value }) => [name, value]))
  const options = { host, port, path, signal, headers: { 'User-Agent': 'kube-probe/1.36', Accept: '*/*', Connection: 'close', ...given } }
  return new Promise((resolve, reject) => {
    const call =
      scheme === 'HTTPS'
        ? httpsRequest({ ...options, rejectUnauthorized: false, agent: false })
        : httpRequest({ ...options, agent: NO_REUSE })
    call.once('response', (response) => {
      response.on('error', () => {}) // the status is all that counts
      resolve({ statusCode: response.statusCode ?? 0 })
      call.destroy()
    })
    call.on('error', (error) => reject(new Error(`Get "${url}": ${dialError(host, port, error)}`, { cause: error })))
    call.end()
  })
}

/** Connection errors as Go words them, which is what people know from Kubernetes. */
function dialError(host: string, port: number, error: Error): string {
  const words: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'connection refused',
    EHOSTUNREACH: 'no route to host',
    ENETUNREACH: 'network is unreachable',
    ECONNRESET: 'connection reset by peer',
  }
  const word = words[(error as NodeJS.ErrnoException).code ?? '']
  return word === undefined ? error.message : `dial tcp ${host}:${port}: connect: ${word}`
}

const SERVING = 1

/** @see Source: grpc "GRPC Health Checking Protocol". HealthCheckRequest.service is field 1, HealthCheckResponse.status too. */
async function checkHealth(host: string, port: number, service: string): Promise<void> {
  const { Client, credentials } = await import('../../host/grpc.ts')
  const client = new Client(`${host}:${port}`, credentials.createInsecure())
  const name = Buffer.from(service)
  const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length]), name])
  return new Promise<void>((resolve, reject) => {
    const answered = (error: ServiceError | null, status?: number): void => {
      if (error) reject(new Error(`service unhealthy: ${error.details}`, { cause: error }))
      else if (status !== SERVING) reject(new Error('service unhealthy (responded with "NOT_SERVING")'))
      else resolve()
    }
    client.makeUnaryRequest(
      '/grpc.health.v1.Health/Check',
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => (bytes[0] === 0x08 ? (bytes[1] ?? 0) : 0),
      message,
      answered,
    )
  }).finally(() => client.close())
}
