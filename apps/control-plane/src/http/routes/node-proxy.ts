import { badRequest } from '@bramble/api/status-error'
import type { Node } from '@bramble/api/types/node'
import { proxy } from '../proxy/proxy.ts'
import { targetName } from '../proxy/target-name.ts'
import type { Exchange } from './exchange.ts'

/** `nodes/x/proxy/…`: to the HTTP server of the node's agent. */
export async function nodeProxy(exchange: Exchange): Promise<Response> {
  const { deps, resource, request } = exchange
  const { name, port } = targetName(request.name ?? '', 'node')
  const node = (await deps.resources.get(resource, name)) as Node
  const own = node.status?.daemonEndpoints?.kubeletEndpoint?.Port
  if (port !== '' && port !== String(own)) throw badRequest(`port ${port} of node ${name} cannot be reached, only its agent's own`)
  return proxy(exchange, { scheme: 'http', hosts: [], connect: (signal) => deps.podStreams.agent(name, signal) })
}
