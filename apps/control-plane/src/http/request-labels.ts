import type { Registry } from '../api/registry.ts'
import type { ResourceDefinition, Verb } from '../api/resource.ts'
import type { RequestLabels } from '../metrics/api-metrics.ts'
import type { RequestInfo, ResourceRequest } from './request-info.ts'

const VERBS: Readonly<Record<Verb, string>> = {
  get: 'GET',
  list: 'LIST',
  watch: 'WATCH',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETECOLLECTION',
}
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
const STREAMS: ReadonlySet<string> = new Set(['attach', 'exec', 'log', 'portforward', 'proxy'])

/**
 * What a request counts as. Names that clients make up count as '': there are as many combinations as kinds allow, no more.
 *
 * @param info Undefined when the request was refused before anyone looked.
 * @see Source: apiserver pkg/endpoints/metrics CleanVerb, CleanScope.
 */
export function requestLabels(
  method: string,
  info: RequestInfo | undefined,
  query: URLSearchParams | undefined,
  registry: Registry,
): RequestLabels {
  const dryRun = query?.get('dryRun') === 'All' ? 'All' : ''
  const definition = info?.type === 'resource' ? registry.find(info.group, info.version, info.plural) : undefined
  if (info?.type !== 'resource' || !definition) {
    const verb = METHODS.has(method) ? method : 'other'
    return { verb, group: '', version: '', resource: '', subresource: '', scope: '', dryRun }
  }
  const { group, version, plural: resource } = definition
  const subresource = subresourceOf(definition, info)
  return {
    verb: STREAMS.has(subresource) ? 'CONNECT' : VERBS[info.verb],
    group,
    version,
    resource,
    subresource,
    scope: scopeOf(info),
    dryRun,
  }
}

/** Whether it goes on after it was answered. */
export const isStream = ({ verb }: RequestLabels): boolean => verb === 'WATCH' || verb === 'CONNECT'

function subresourceOf({ subresources }: ResourceDefinition, { subresource }: ResourceRequest): string {
  const name = subresource?.split('/')[0] ?? ''
  if (name === 'status') return subresources?.status ? name : ''
  if (name === 'scale') return subresources?.scale ? name : ''
  return subresources?.named?.some((one) => one.name === name) ? name : ''
}

function scopeOf({ name, namespace, verb }: ResourceRequest): RequestLabels['scope'] {
  if (name !== undefined || verb === 'create') return 'resource'
  return namespace === undefined ? 'cluster' : 'namespace'
}
