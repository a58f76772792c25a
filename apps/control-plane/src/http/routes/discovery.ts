import { createHash } from 'node:crypto'
import { unknownResource } from '@bramble/api/status-error'
import type { Hono } from 'hono'
import { aggregatedDiscovery, apiGroup, apiGroupList, apiResourceList, apiVersions } from '../../api/discovery.ts'
import type { Registry } from '../../api/registry.ts'
import type { HttpContext, HttpEnv } from '../http-env.ts'
import { notAcceptable, parseAccept } from '../negotiate.ts'
import { respondJson } from '../respond.ts'

type AggregatedVersion = 'v2' | 'v2beta1'

/** `/api`, `/apis` and what lies directly below: the legacy documents, and the aggregated ones for who asks for them. */
export function discoveryRoutes(app: Hono<HttpEnv>, registry: Registry): void {
  const aggregated = new Map<string, { readonly body: unknown; readonly etag: string }>()
  let generation = registry.generation

  const answer = (c: HttpContext, part: 'core' | 'named', legacy: () => unknown): Response => {
    const version = aggregatedVersion(c.req.header('accept'))
    if (version === undefined) return respondJson(c, legacy(), 200, { vary: 'Accept' })
    if (generation !== registry.generation) aggregated.clear()
    generation = registry.generation
    const id = `${part} ${version}`
    if (!aggregated.has(id)) aggregated.set(id, withEtag(aggregatedDiscovery(registry.groupVersions(), part, version)))
    const { body, etag } = aggregated.get(id)!
    const headers = { etag, vary: 'Accept', 'cache-control': 'public' }
    if (c.req.header('if-none-match') === etag) return c.body(null, 304, headers)
    return respondJson(c, body, 200, {
      ...headers,
      'content-type': `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
    })
  }

  app.get('/api', (c) => answer(c, 'core', () => apiVersions(registry.groupVersions(), c.req.header('host') ?? new URL(c.req.url).host)))
  app.get('/apis', (c) => answer(c, 'named', () => apiGroupList(registry.groupVersions())))
  app.get('/api/:version', (c) => respondJson(c, resourceList(registry, '', c.req.param('version'))))
  app.get('/apis/:group/:version', (c) => respondJson(c, resourceList(registry, c.req.param('group'), c.req.param('version'))))
  app.get('/apis/:group', (c) => {
    const found = apiGroup(registry.groupVersions(), c.req.param('group'))
    if (!found) throw unknownResource()
    return respondJson(c, found)
  })
}

function resourceList(registry: Registry, group: string, version: string): unknown {
  const found = registry.groupVersions().find((one) => one.group === group && one.version === version)
  if (!found) throw unknownResource()
  return apiResourceList(found)
}

/** Which aggregated form the client prefers over the legacy one. @throws StatusError 406 when it takes neither. */
function aggregatedVersion(accept: string | undefined): AggregatedVersion | undefined {
  for (const {
    type,
    parameters: { g, v, as },
  } of parseAccept(accept)) {
    if (!['application/json', 'application/*', '*/*'].includes(type)) continue
    if (as === undefined) return undefined
    if (g === 'apidiscovery.k8s.io' && as === 'APIGroupDiscoveryList' && (v === 'v2' || v === 'v2beta1')) return v
  }
  throw notAcceptable(['application/json'])
}

const withEtag = (body: unknown): { body: unknown; etag: string } => ({
  body,
  etag: `"${createHash('sha256').update(JSON.stringify(body)).digest('hex').toUpperCase()}"`,
})
