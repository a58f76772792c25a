import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { badRequest } from '@bramble/api/status-error'
import { isTerminal, type Pod } from '@bramble/api/types/pod'
import type { Stdio } from '@bramble/streams/remote-process'
import { isTrue } from '../request-info.ts'
import { requestLabels } from '../request-labels.ts'
import type { Upgrade } from '../upgrade.ts'
import { type Exchange, keyOfExchange } from './exchange.ts'

/** @throws StatusError 404 when there is no such pod, 400 when it is on no node, or has ended: `cannot exec into …` */
export async function streamedPod(exchange: Exchange, completed: (phase: string) => string): Promise<Pod> {
  const pod = (await exchange.deps.resources.get(exchange.resource, keyOfExchange(exchange))) as Pod
  if (!pod.spec.nodeName) throw badRequest(`pod ${pod.metadata.name} does not have a host assigned`)
  if (isTerminal(pod)) throw badRequest(completed(pod.status?.phase ?? ''))
  return pod
}

/**
 * With a terminal, errors come over stdout. @throws StatusError 400 when nothing is asked for. Source: kubelet pkg/cri/streaming/remotecommand
 * NewOptions.
 */
export function stdioOf(query: URLSearchParams): Stdio {
  const flag = (name: string): boolean => isTrue(query.get(name)) && query.get(name) !== ''
  const tty = flag('tty')
  const stdio = { stdin: flag('stdin'), stdout: flag('stdout'), stderr: flag('stderr') && !tty, tty }
  if (!stdio.stdin && !stdio.stdout && !stdio.stderr) throw badRequest('you must specify at least 1 of stdin, stdout, stderr')
  return stdio
}

/** @throws StatusError 400 for a request that wants no other protocol. */
export function upgradeOf({ c }: Exchange): Upgrade {
  const upgrade = c.env?.upgrade
  if (!upgrade) throw badRequest('Upgrade request required')
  return upgrade
}

/** Counts what `begin` starts, and says who did. @throws StatusError 429 or 503 when there are too many; what `begin` throws. */
export async function serveUpgrade(
  { c, deps, request, query }: Exchange,
  upgrade: Upgrade,
  begin: () => Promise<{ readonly ended: Promise<void> }>,
): Promise<Response> {
  const user = c.get('user').name
  const release = deps.streamSlots.take(user)
  try {
    const { ended } = await begin()
    upgrade.take()
    const closed = deps.metrics.opened(requestLabels(c.req.method, request, query, deps.registry))
    const { namespace, name, subresource } = request
    deps.env.log.info('a stream into a pod was opened', { user, namespace, pod: name, subresource })
    void ended.then(release).then(closed)
    return RESPONSE_ALREADY_SENT
  } catch (error) {
    release()
    throw error
  }
}
