import { methodNotAllowed, unknownResource } from '@bramble/api/status-error'
import { objectKey, type ObjectKey } from '@bramble/api/object'
import type { Env } from '@bramble/reconcile/env'
import type { Resources } from '../../api/requests.ts'
import type { Registry } from '../../api/registry.ts'
import type { ResourceDefinition } from '../../api/resource.ts'
import type { Authorizer } from '../../auth/authorizer.ts'
import type { ServiceAccountTokens } from '../../auth/service-account-tokens.ts'
import type { ApiMetrics } from '../../metrics/api-metrics.ts'
import type { HttpContext } from '../http-env.ts'
import type { PodStreams } from '../pod-streams.ts'
import type { ResourceRequest } from '../request-info.ts'
import type { Slots } from '../slots.ts'
import type { WatchStreams } from '../watch-stream.ts'
import type { HealthCheck } from './health.ts'
import type { PodLogs } from './streams.ts'

/** What the routes of objects need. */
export interface ApiDeps {
  readonly resources: Resources
  readonly registry: Registry
  readonly env: Env
  readonly authorizer: Authorizer
  readonly tokens: ServiceAccountTokens
  readonly podLogs: PodLogs
  readonly podStreams: PodStreams
  readonly streamSlots: Slots
  readonly metrics: ApiMetrics
  readonly watches: WatchStreams
  /** The parts of the control plane, for `componentstatuses`. */
  readonly components?: readonly HealthCheck[]
  /** Ends open watches and logs when it aborts. */
  readonly stop?: AbortSignal
}

/** One request for objects of a kind that exists. */
export interface Exchange {
  readonly c: HttpContext
  readonly deps: ApiDeps
  readonly resource: ResourceDefinition
  readonly request: ResourceRequest
  /** Of a namespaced kind: the one in the path; undefined asks for all. */
  readonly namespace: string | undefined
  readonly query: URLSearchParams
}

/** @throws StatusError 404 when the path names no kind, or names one in a place where it does not live; 405. */
export function openExchange(c: HttpContext, deps: ApiDeps, request: ResourceRequest): Exchange {
  const resource = deps.registry.find(request.group, request.version, request.plural)
  if (!resource) throw unknownResource()
  const isNamespaced = resource.scope === 'Namespaced'
  const inNamespace = request.namespace !== undefined && !(request.group === '' && request.plural === 'namespaces')
  if (request.name === '' || (!isNamespaced && inNamespace)) throw unknownResource()
  if (isNamespaced && !inNamespace && request.name !== undefined) throw unknownResource()
  if (isNamespaced && !inNamespace && request.verb !== 'list' && request.verb !== 'watch') throw methodNotAllowed()
  return { c, deps, resource, request, namespace: isNamespaced ? request.namespace : undefined, query: c.get('query') }
}

/** @throws StatusError 405 when the path names no object. */
export function keyOfExchange({ namespace, request }: Exchange): ObjectKey {
  if (request.name === undefined) throw methodNotAllowed()
  return objectKey(namespace, request.name)
}
