import { objectKey } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import type { Pod } from '@bramble/api/types/pod'
import { type EndpointSlice, type Service, SERVICE_NAME_LABEL } from '@bramble/api/types/service'
import { endpointSlices } from '../../resources/endpoint-slice.ts'
import { pods } from '../../resources/pod.ts'
import { unavailable } from '../proxy/backend.ts'
import { proxy } from '../proxy/proxy.ts'
import { readyTargets, servicePortName } from '../proxy/service-targets.ts'
import { targetName } from '../proxy/target-name.ts'
import type { Exchange } from './exchange.ts'
import { podBackend } from './pod-proxy.ts'

/** `services/[scheme:]x[:port or its name]/proxy/…`: to one of the pods that are ready. Source: Kubernetes registry/core/service ResourceLocation. */
export async function serviceProxy(exchange: Exchange): Promise<Response> {
  const { deps, resource, request, namespace } = exchange
  const { scheme, name, port } = targetName(request.name ?? '', 'service')
  const service = (await deps.resources.get(resource, objectKey(namespace, name))) as Service
  const portName = servicePortName(service, port)
  const labels = [{ key: SERVICE_NAME_LABEL, operator: 'In' as const, values: [name] }]
  const { items } = await deps.resources.list(endpointSlices, { namespace: namespace!, labels, fields: [], limit: 0 })
  const targets = readyTargets(items as readonly EndpointSlice[], portName)
  const first = Math.floor(deps.env.random() * targets.length)
  for (const { podName, uid, port: number } of [...targets.slice(first), ...targets.slice(0, first)]) {
    const pod = await found(exchange, podName)
    if (pod && (uid === undefined || pod.metadata.uid === uid)) return proxy(exchange, podBackend(exchange, pod, scheme, number))
  }
  throw unavailable(`no endpoints available for service ${JSON.stringify(request.name)}`)
}

/** A pod may be gone from under its endpoint. */
async function found({ deps, namespace }: Exchange, name: string): Promise<Pod | undefined> {
  try {
    return (await deps.resources.get(pods, objectKey(namespace, name))) as Pod
  } catch (error) {
    if (isReason(error, 'NotFound')) return undefined
    throw error
  }
}
