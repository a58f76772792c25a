import { objectKey } from '@bramble/api/object'
import { badRequest } from '@bramble/api/status-error'
import type { Pod } from '@bramble/api/types/pod'
import type { Backend } from '../proxy/backend.ts'
import { proxy } from '../proxy/proxy.ts'
import { type TargetName, targetName } from '../proxy/target-name.ts'
import type { Exchange } from './exchange.ts'

/** `pods/[scheme:]x[:port]/proxy/…`. */
export async function podProxy(exchange: Exchange): Promise<Response> {
  const { deps, resource, request, namespace } = exchange
  const target = targetName(request.name ?? '', 'pod')
  const pod = (await deps.resources.get(resource, objectKey(namespace, target.name))) as Pod
  return proxy(exchange, podBackend(exchange, pod, target.scheme, portOf(pod, target)))
}

/** @throws StatusError 400 for a pod without an address: nothing can be asked there yet. */
export function podBackend({ deps }: Exchange, pod: Pod, scheme: TargetName['scheme'], port: number): Backend {
  const ip = pod.status?.podIP
  if (!ip || !pod.spec.nodeName) throw badRequest('address not allowed')
  const host = ip.includes(':') ? `[${ip}]` : ip
  const isUsual = port === (scheme === 'https' ? 443 : 80)
  return {
    scheme,
    hosts: [`${host}:${port}`, ...(isUsual ? [host] : [])],
    connect: (signal) => deps.podStreams.forward(pod, port, signal),
  }
}

/** The one that was named, or the first that the pod declares. Source: Kubernetes pkg/registry/core/pod ResourceLocation. */
function portOf({ spec }: Pod, { scheme, port }: TargetName): number {
  if (port === '') {
    const declared = spec.containers.flatMap(({ ports = [] }) => ports)[0]?.containerPort
    return declared ?? (scheme === 'https' ? 443 : 80)
  }
  const number = Number(port)
  if (!/^\d{1,5}$/.test(port) || number < 1 || number > 0xffff) throw badRequest(`invalid port ${JSON.stringify(port)}`)
  return number
}
