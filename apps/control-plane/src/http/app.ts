import { Hono } from 'hono'
import { authenticate } from '../auth/authenticate.ts'
import { authorize, forbiddenError } from '../auth/authorize.ts'
import type { UserInfo } from '../api/requests.ts'
import type { HttpContext, HttpEnv } from './http-env.ts'
import { peerReader } from './peer.ts'
import { requestInfo } from './request-info.ts'
import { respondError, respondJson } from './respond.ts'
import { discoveryRoutes } from './routes/discovery.ts'
import type { ApiDeps } from './routes/exchange.ts'
import { type HealthCheck, healthRoutes } from './routes/health.ts'
import { openapiRoutes } from './routes/openapi.ts'
import { handleResource } from './routes/resources.ts'
import { WatchStreams } from './watch-stream.ts'

export interface AppDeps extends Omit<ApiDeps, 'watches'> {
  /** Bramble's own, e.g. `0.1.0`. */
  readonly version: string
  readonly checks?: readonly HealthCheck[]
  /** Who asks. Default: whom the connection's client certificate names. @throws StatusError 401 */
  readonly identify?: (c: HttpContext) => UserInfo
}

/**
 * The Kubernetes API over HTTP. Kinds are data from the registry; every error becomes a `v1.Status` in one place.
 *
 * Serve it with {@link serveHttps}: watches and logs write to the connection itself.
 */
export function createApp(deps: AppDeps): Hono<HttpEnv> {
  const readPeer = peerReader()
  const { identify = (c) => authenticate(readPeer(c)) } = deps
  const api: ApiDeps = { ...deps, watches: new WatchStreams(deps.env) }
  const app = new Hono<HttpEnv>({ strict: false })
  app.onError((error, c) => respondError(c, error, deps.env.log))
  app.notFound((c) => c.text('404 page not found\n', 404))

  app.use(async (c, next) => {
    const url = new URL(c.req.url)
    c.set('query', url.searchParams)
    c.set('user', identify(c))
    c.set('info', requestInfo(c.req.method, url.pathname, url.searchParams))
    if (!authorize(c.get('user'), c.get('info'))) throw forbiddenError(c.get('user'), c.get('info'))
    await next()
  })

  healthRoutes(app, deps.checks ?? [], deps.version)
  discoveryRoutes(app, deps.registry)
  openapiRoutes(app, deps.registry, deps.version)
  app.get('/', (c) => respondJson(c, { paths: app.routes.map(({ path }) => path).filter((path) => /^\/[\w/]+$/.test(path)) }))
  app.all('*', async (c, next) => {
    const info = c.get('info')
    return info.type === 'resource' ? handleResource(c, api, info) : next()
  })
  return app
}
