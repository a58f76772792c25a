import { serveRemoteCommand } from '@bramble/streams/remote-command/serve-remote-command'
import { containerOf } from '../pod-container.ts'
import type { Exchange } from './exchange.ts'
import { serveUpgrade, stdioOf, streamedPod, upgradeOf } from './pod-upgrade.ts'

/** `pods/x/attach`: to a container's own process. Source: core/v1 PodAttachOptions. */
export async function attach(exchange: Exchange): Promise<Response> {
  const { deps, query } = exchange
  const pod = await streamedPod(exchange, (phase) => `cannot attach a container in a completed pod; current phase is ${phase}`)
  const container = containerOf(query.get('container') ?? '', pod)
  const stdio = stdioOf(query)
  const upgrade = upgradeOf(exchange)
  return serveUpgrade(exchange, upgrade, () =>
    serveRemoteCommand(upgrade, {
      stdio,
      clock: deps.env.clock,
      open: (signal) => deps.podStreams.attach(pod, container, stdio, signal),
      ...(deps.stop && { signal: deps.stop }),
    }),
  )
}
