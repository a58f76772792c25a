import { createReadStream } from 'node:fs'
import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { unknownResource } from '@bramble/api/status-error'
import type { Clock } from '@bramble/reconcile/env'
import type { Hono } from 'hono'
import type { Registry } from '../../api/registry.ts'
import { type Document, DocumentFolder } from '../../api/schema/openapi/document-folder.ts'
import { OpenApi } from '../../api/schema/openapi/open-api.ts'
import type { HttpContext, HttpEnv } from '../http-env.ts'
import { negotiateType } from '../negotiate.ts'
import { type Headers, respondJson } from '../respond.ts'

/** kubectl asks with `@`, which is no valid type; the answer says it properly. */
const V2_PROTOBUF = [
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
  'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
] as const
const YEAR_MS = 365 * 86_400_000

export interface OpenApiDeps {
  readonly registry: Registry
  /** Where documents are kept. */
  readonly folder: string
  readonly clock: Clock
}

/** `/openapi/v3`, `/openapi/v3/apis/G/V`, `/openapi/v2`. */
export function openapiRoutes(app: Hono<HttpEnv>, { registry, folder, clock }: OpenApiDeps): void {
  const openApi = new OpenApi(registry)
  const documents = new DocumentFolder(folder, clock)

  const send = async (c: HttpContext, document: Document, headers: Headers): Promise<Response> => {
    const etag = `"${document.hash}"`
    const all = { etag, vary: 'Accept', ...headers }
    if (c.req.header('if-none-match') === etag) return c.body(null, 304, all)
    const { path, sizeBytes } = await documents.file(document, openApi.all())
    return sendFile(c, path, sizeBytes, all)
  }

  app.get('/openapi/v3', (c) => respondJson(c, openApi.index(), 200, { vary: 'Accept' }))

  app.get('/openapi/v3/*', async (c) => {
    const path = new URL(c.req.url).pathname.slice('/openapi/v3/'.length)
    const document = openApi.v3(path)
    if (!document) throw unknownResource()
    negotiateType(c.req.header('accept'), ['application/json'])
    const asked = c.get('query').get('hash')
    if (asked !== null && asked !== document.hash) return c.redirect(`/openapi/v3/${path}?hash=${document.hash}`, 301)
    const kept: Headers =
      asked === null
        ? { 'cache-control': 'no-cache, private' }
        : { 'cache-control': 'public, immutable', expires: new Date(clock.nowMs() + YEAR_MS).toUTCString() }
    return send(c, document, { 'content-type': 'application/json', ...kept })
  })

  app.get('/openapi/v2', (c) => {
    const isJson = negotiateType(c.req.header('accept'), ['application/json', ...V2_PROTOBUF]) === 'application/json'
    return send(c, openApi.v2(isJson ? 'v2' : 'v2-protobuf'), { 'content-type': isJson ? 'application/json' : V2_PROTOBUF[1] })
  })
}

/** A compressed file as it is, or decompressed on its way to who does not take it so. */
function sendFile(c: HttpContext, path: string, sizeBytes: number, headers: Headers): Response {
  const file = createReadStream(path)
  if (/\bgzip\b/.test(c.req.header('accept-encoding') ?? ''))
    return c.body(web(file), 200, { ...headers, 'content-encoding': 'gzip', 'content-length': String(sizeBytes) })
  return c.body(web(pipeline(file, createGunzip(), () => {})), 200, headers) // a client that goes away ends both
}

const web = (stream: Readable): ReadableStream => Readable.toWeb(stream) as ReadableStream
