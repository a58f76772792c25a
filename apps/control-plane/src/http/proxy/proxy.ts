import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { badRequest, methodNotAllowed } from '@bramble/api/status-error'
import type { Exchange } from '../routes/exchange.ts'
import { requestLabels } from '../request-labels.ts'
import { type Asked, type Backend, backendConnection, backendRequest, unreachable } from './backend.ts'
import { HtmlLinks } from './html-links.ts'
import { requestHeaders, responseHeaders, values } from './proxy-headers.ts'
import { type ProxyPath, proxyPath, redirected } from './proxy-path.ts'
import { proxyUpgrade } from './proxy-upgrade.ts'

const METHODS = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'])

/**
 * Hands a request on to a backend and its answer back, bodies as they come. Errors on the way become a Status.
 * @see Source: apimachinery pkg/util/proxy, upgradeaware.go and transport.go.
 */
export async function proxy(exchange: Exchange, backend: Backend): Promise<Response> {
  const { c, deps, request, query } = exchange
  if (!METHODS.has(c.req.method)) throw methodNotAllowed()
  const url = new URL(c.req.url)
  const path = proxyPath(url.pathname, prefixOf(exchange))
  if (!c.env?.upgrade && path.path === '' && ['GET', 'HEAD'].includes(c.req.method))
    return c.body(null, 301, { location: `${url.pathname}/${url.search}` })
  const release = deps.streamSlots.take(c.get('user').name)
  const closed = deps.metrics.opened(requestLabels(c.req.method, request, query, deps.registry))
  const over = (): void => {
    release()
    closed()
  }
  const incoming = c.env?.incoming as IncomingMessage | Http2ServerRequest | undefined
  try {
    if (!incoming) throw badRequest('only requests that came over a connection can be proxied')
    const asked = { path: path.path || '/', search: url.search, headers: headersFor(incoming, url.pathname) }
    if (c.env.upgrade) return await proxyUpgrade(c.env.upgrade, backend, asked, over, deps.stop)
    return await proxyRequest(exchange, incoming, backend, asked, path, over)
  } catch (error) {
    over()
    throw error
  }
}

function prefixOf({ request: { namespace, plural, name, subresource } }: Exchange): string {
  return `/api/v1/${namespace === undefined ? '' : `namespaces/${namespace}/`}${plural}/${name}/${subresource}`
}

function headersFor(incoming: IncomingMessage | Http2ServerRequest, uri: string): string[] {
  const host = incoming.headers.host ?? incoming.headers[':authority']
  return requestHeaders(incoming.rawHeaders, { host: String(host ?? ''), from: incoming.socket.remoteAddress ?? '', uri })
}

/** @param over Called when the answer is sent, and not when this throws. */
async function proxyRequest(
  { c, deps }: Exchange,
  incoming: IncomingMessage | Http2ServerRequest,
  backend: Backend,
  { path, search, headers }: Asked,
  { prefix }: ProxyPath,
  over: () => void,
): Promise<Response> {
  const outgoing = c.env.outgoing as ServerResponse
  const gone = new AbortController()
  const leave = (): void => gone.abort()
  outgoing.once('close', leave)
  const signal = AbortSignal.any([gone.signal, ...(deps.stop ? [deps.stop] : [])])
  let answer: IncomingMessage
  try {
    const connection = await backendConnection(backend, signal)
    const asked = backendRequest(connection, {
      method: c.req.method,
      path: `${path}${search}`,
      headers: [...headers, ...framing(incoming)],
      signal,
    })
    answer = await answered(asked, incoming)
  } catch (error) {
    leave()
    throw unreachable(error)
  }
  const hosts = [...backend.hosts, String(incoming.headers.host ?? incoming.headers[':authority'] ?? '')]
  const redirect = (location: string): string => redirected(location, hosts, prefix)
  const shown = responseHeaders(answer.rawHeaders, redirect)
  const changes = pageChanges(answer, c.req.method, redirect)
  if (changes.length > 0) delete shown['content-length']
  outgoing.writeHead(answer.statusCode!, shown)
  outgoing.flushHeaders()
  pipeline([answer, ...changes, outgoing])
    .catch(() => outgoing.destroy()) // half an answer must not look whole
    .finally(() => {
      leave()
      over()
    })
  return RESPONSE_ALREADY_SENT
}

/** What a page goes through, so that its links lead through the proxy. What is packed in ways that nobody here knows stays as it is. */
function pageChanges({ headers, statusCode }: IncomingMessage, method: string, rewrite: (url: string) => string): readonly Transform[] {
  const isPage = /^text\/html\s*(;|$)/i.test(headers['content-type'] ?? '') && headers.location === undefined
  if (!isPage || method === 'HEAD' || statusCode === 204 || statusCode === 304) return []
  const links = new HtmlLinks(rewrite)
  switch (headers['content-encoding'] ?? '') {
    case '':
      return [links]
    case 'gzip':
      return [createGunzip(), links, createGzip()]
    default:
      return []
  }
}

/** HTTP/2 frames bodies in its own way; one without a length is sent in chunks. */
function framing({ headers, httpVersionMajor, method, rawHeaders }: IncomingMessage | Http2ServerRequest): readonly string[] {
  if (values(rawHeaders, 'content-length').length > 0) return []
  const hasBody = httpVersionMajor === 1 ? headers['transfer-encoding'] !== undefined : !['GET', 'HEAD', 'OPTIONS'].includes(method ?? '')
  return hasBody ? ['Transfer-Encoding', 'chunked'] : []
}

function answered(asked: ClientRequest, body: IncomingMessage | Http2ServerRequest): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  asked.once('response', resolve)
  asked.on('error', reject)
  asked.once('close', () => reject(new Error('the backend closed the connection')))
  asked.on('error', () => body.unpipe(asked).resume()) // a backend may have answered before it has heard all
  body.pipe(asked)
  return promise
}
