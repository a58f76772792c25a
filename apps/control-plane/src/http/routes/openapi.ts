import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { unknownResource } from '@bramble/api/status-error'
import type { Hono } from 'hono'
import type { Registry } from '../../api/registry.ts'
import { openapiDocument, openapiIndex, pathOf } from '../../api/schema/openapi.ts'
import { openapiV2, openapiV2Protobuf } from '../../api/schema/openapi-v2.ts'
import type { HttpContext, HttpEnv } from '../http-env.ts'
import { negotiateType } from '../negotiate.ts'
import { respondJson } from '../respond.ts'

const compress = promisify(gzip)
const V2_PROTOBUF = [
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
  'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
] as const
const YEAR_SECONDS = 365 * 86_400

/** `/openapi/v3`, `/openapi/v3/apis/G/V`, `/openapi/v2`. Documents are made when asked for: clients keep them by their hash. */
export function openapiRoutes(app: Hono<HttpEnv>, registry: Registry, version: string): void {
  const hash = createHash('sha256')
    .update(JSON.stringify([version, registry.all()]))
    .digest('hex')
    .toUpperCase()
  const etag = `"${hash}"`

  app.get('/openapi/v3', (c) => respondJson(c, openapiIndex(registry.groupVersions(), hash), 200, { vary: 'Accept' }))

  app.get('/openapi/v3/*', async (c) => {
    const url = new URL(c.req.url)
    const found = registry.groupVersions().find((one) => url.pathname === `/openapi/v3/${pathOf(one)}`)
    if (!found) throw unknownResource()
    const asked = c.get('query').get('hash')
    if (asked !== null && asked !== hash) return c.redirect(`${url.pathname}?hash=${hash}`, 301)
    const headers = {
      etag,
      vary: 'Accept',
      'cache-control': asked === null ? 'no-cache, private' : `public, immutable, max-age=${YEAR_SECONDS}`,
    }
    if (c.req.header('if-none-match') === etag) return c.body(null, 304, headers)
    return respondCompressed(c, Buffer.from(JSON.stringify(openapiDocument(found))), { ...headers, 'content-type': 'application/json' })
  })

  app.get('/openapi/v2', async (c) => {
    const type = negotiateType(c.req.header('accept'), ['application/json', ...V2_PROTOBUF])
    const headers = { etag, vary: 'Accept' }
    if (c.req.header('if-none-match') === etag) return c.body(null, 304, headers)
    if (type === 'application/json') return respondJson(c, openapiV2(registry.groupVersions()), 200, headers)
    return respondCompressed(c, openapiV2Protobuf(registry.groupVersions()), { ...headers, 'content-type': V2_PROTOBUF[1] })
  })
}

async function respondCompressed(c: HttpContext, body: Buffer, headers: Record<string, string>): Promise<Response> {
  if (!/\bgzip\b/.test(c.req.header('accept-encoding') ?? '')) return c.body(new Uint8Array(body), 200, headers)
  return c.body(new Uint8Array(await compress(body)), 200, { ...headers, 'content-encoding': 'gzip' })
}
