import { badRequest } from '@bramble/api/status-error'
import { serveRemoteCommand } from '@bramble/streams/remote-command/serve-remote-command'
import { containerOf } from '../pod-container.ts'
import type { Exchange } from './exchange.ts'
import { serveUpgrade, stdioOf, streamedPod, upgradeOf } from './pod-upgrade.ts'

/** `pods/x/exec`: runs a command in a container. Source: core/v1 PodExecOptions. */
export async function exec(exchange: Exchange): Promise<Response> {
  const { deps, query } = exchange
  const pod = await streamedPod(exchange, (phase) => `cannot exec into a container in a completed pod; current phase is ${phase}`)
  const container = containerOf(query.get('container') ?? '', pod)
  const command = query.getAll('command')
  if (command.length === 0) throw badRequest('you must specify at least one command for the container')
  const stdio = stdioOf(query)
  const upgrade = upgradeOf(exchange)
  return serveUpgrade(exchange, upgrade, () =>
    serveRemoteCommand(upgrade, {
      stdio,
      clock: deps.env.clock,
      open: (signal) => deps.podStreams.exec(pod, container, command, stdio, signal),
      ...(deps.stop && { signal: deps.stop }),
    }),
  )
}
