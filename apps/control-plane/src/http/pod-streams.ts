import type { Duplex } from 'node:stream'
import { serviceUnavailable } from '@bramble/api/status-error'
import type { Pod } from '@bramble/api/types/pod'
import type { RemoteProcess, Stdio } from '@bramble/streams/remote-process'

/**
 * Bytes to and from pods and nodes, carried by the node, which dials in. Opening throws StatusError: 503 when the node is not
 * connected, 504 when it does not call back in time, what the node itself answers (404, 400, 500) otherwise. Aborting `signal` ends
 * what was opened.
 */
export interface PodStreams {
  /** @param container Name of any container of the pod, init and ephemeral ones too. */
  exec(pod: Pod, container: string, command: readonly string[], stdio: Stdio, signal: AbortSignal): Promise<RemoteProcess>
  attach(pod: Pod, container: string, stdio: Stdio, signal: AbortSignal): Promise<RemoteProcess>
  /** One TCP connection to a port of the pod, as from its own loopback. */
  forward(pod: Pod, port: number, signal: AbortSignal): Promise<Duplex>
  /** One connection to the HTTP server of the node's agent. */
  agent(nodeName: string, signal: AbortSignal): Promise<Duplex>
}

const refuse = (): Promise<never> => Promise.reject(serviceUnavailable('no node can be reached from here'))

export const NO_STREAMS: PodStreams = { exec: refuse, attach: refuse, forward: refuse, agent: refuse }
