import { badRequest } from '@bramble/api/status-error'
import { servePortForward } from '@bramble/streams/port-forward/serve-port-forward'
import { parsePort } from '@bramble/streams/port-forward/stream-pairs'
import type { Exchange } from './exchange.ts'
import { serveUpgrade, streamedPod, upgradeOf } from './pod-upgrade.ts'

const PORTS_MAX = 64

/** `pods/x/portforward`: connections to ports of the pod. Source: core/v1 PodPortForwardOptions. */
export async function portForward(exchange: Exchange): Promise<Response> {
  const { deps, query } = exchange
  const pod = await streamedPod(exchange, (phase) => `unable to forward port because pod is not running. Current status=${phase}`)
  const ports = portsOf(query)
  const upgrade = upgradeOf(exchange)
  return serveUpgrade(exchange, upgrade, () =>
    servePortForward(upgrade, {
      connect: (port, signal) => deps.podStreams.forward(pod, port, signal),
      target: `pod ${pod.metadata.name}, uid ${pod.metadata.uid}`,
      ports,
      clock: deps.env.clock,
      ...(deps.stop && { signal: deps.stop }),
    }),
  )
}

function portsOf(query: URLSearchParams): readonly number[] {
  const texts = query.getAll('ports').flatMap((text) => text.split(','))
  if (texts.length > PORTS_MAX) throw badRequest(`more than ${PORTS_MAX} ports`)
  try {
    return texts.map(parsePort)
  } catch (error) {
    throw badRequest((error as Error).message)
  }
}
