import type { Container, Probe } from '@bramble/api/types/pod'
import { type RuntimeService, RuntimeError } from '../../runtime/runtime.ts'
import { messageOf } from '../message-of.ts'
import { portNumber } from './port-number.ts'
import type { ProbeDialer } from './probe-dialer.ts'
import type { ProbeSlots } from './probe-slots.ts'

/** `unknown`: it could not be asked, which says nothing of it. */
export type ProbeAnswer =
  | { readonly type: 'well'; readonly warning?: string }
  | { readonly type: 'ill'; readonly why: string }
  | { readonly type: 'unknown'; readonly why: string }

export interface AskParts {
  readonly runtime: Pick<RuntimeService, 'exec'>
  readonly dialer: ProbeDialer
  readonly slots: { readonly exec: ProbeSlots; readonly network: ProbeSlots }
}

/**
 * Asks a container once. Never throws; the time limit counts from when its turn has come.
 * @param host Where the pod is reached.
 * @see Source: kubelet prober.runProbe.
 */
export async function ask(parts: AskParts, container: Container, containerId: string, host: string, probe: Probe): Promise<ProbeAnswer> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000
  if (probe.exec) {
    const command = probe.exec.command ?? []
    return parts.slots.exec.run(() => askInside(parts.runtime, containerId, command, timeoutMs))
  }
  return parts.slots.network.run(() => askOverNetwork(parts.dialer, container, host, probe, timeoutMs))
}

async function askInside(
  runtime: Pick<RuntimeService, 'exec'>,
  containerId: string,
  command: readonly string[],
  timeoutMs: number,
): Promise<ProbeAnswer> {
  try {
    const { exitCode, output } = await runtime.exec(containerId, command, timeoutMs)
    return exitCode === 0 ? { type: 'well' } : { type: 'ill', why: output }
  } catch (error) {
    if (!(error instanceof RuntimeError && error.reason === 'ExecTimeout')) return { type: 'unknown', why: messageOf(error) }
    return { type: 'ill', why: `command timed out: "${command.join(' ')}" timed out after ${timeoutMs / 1000}s` } // kubelet's words
  }
}

async function askOverNetwork(
  dialer: ProbeDialer,
  container: Container,
  host: string,
  probe: Probe,
  timeoutMs: number,
): Promise<ProbeAnswer> {
  const { httpGet, tcpSocket, grpc } = probe
  let port = 0
  try {
    if (httpGet ?? tcpSocket) port = portNumber(container, (httpGet ?? tcpSocket)!.port)
  } catch (error) {
    return { type: 'unknown', why: messageOf(error) }
  }
  try {
    if (httpGet) {
      const { path = '/', scheme = 'HTTP', httpHeaders: headers = [] } = httpGet
      const at = path.startsWith('/') ? path : `/${path}`
      const { statusCode, body = '' } = await dialer.http({ scheme, host: httpGet.host || host, port, path: at, headers }, timeoutMs)
      if (statusCode < 200 || statusCode >= 400) return { type: 'ill', why: `HTTP probe failed with statuscode: ${statusCode}` }
      if (statusCode >= 300) return { type: 'well', warning: `Probe terminated redirects, Response body: ${body}` }
    } else if (tcpSocket) await dialer.tcp(tcpSocket.host || host, port, timeoutMs)
    else if (grpc) await dialer.grpc(host, grpc.port, grpc.service ?? '', timeoutMs)
  } catch (error) {
    return { type: 'ill', why: messageOf(error) }
  }
  return { type: 'well' }
}
