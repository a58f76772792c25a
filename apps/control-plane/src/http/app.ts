import { Hono } from 'hono'
import type { UserInfo } from '../api/requests.ts'
import { ApiMetrics } from '../metrics/api-metrics.ts'
import type { MetricSource } from '@bramble/reconcile/metrics/family'
import { createGate } from './gate.ts'
import type { HttpEnv } from './http-env.ts'
import { NO_STREAMS, type PodStreams } from './pod-streams.ts'
import { respondError, respondJson } from './respond.ts'
import { discoveryRoutes } from './routes/discovery.ts'
import { type Distribution, distRoutes } from './routes/dist.ts'
import type { ApiDeps } from './routes/exchange.ts'
import { type HealthCheck, healthRoutes } from './routes/health.ts'
import { measured, metricsRoute } from './routes/metrics.ts'
import { oidcRoutes } from './routes/oidc.ts'
import { openapiRoutes } from './routes/openapi.ts'
import { handleResource } from './routes/resources.ts'
import { Slots, STREAM_LIMITS } from './slots.ts'
import { WatchStreams } from './watch-stream.ts'

export interface AppDeps extends Omit<ApiDeps, 'metrics' | 'watches' | 'podStreams' | 'streamSlots'> {
  /** Absent: no node can be reached. */
  readonly podStreams?: PodStreams
  /** Bramble's own, e.g. `0.1.0`. */
  readonly version: string
  readonly checks?: readonly HealthCheck[]
  /** Where OpenAPI documents are kept. Without it there are none. */
  readonly openapiFolder?: string
  /** What machines get that are to become nodes, and nodes that are upgraded. */
  readonly distribution?: Distribution
  /** What `/metrics` tells besides requests and this process. */
  readonly metricSources?: readonly MetricSource[]
  /** Who asks; nobody in particular: whom the client's certificate or token names. */
  readonly identify?: (() => UserInfo | undefined) | undefined
}

/**
 * The Kubernetes API over HTTP. Kinds are data from the registry; every error becomes a `v1.Status` in one place.
 *
 * Serve it with {@link serveHttps}: watches and logs write to the connection itself.
 */
export function createApp(deps: AppDeps): Hono<HttpEnv> {
  const gate = createGate(deps)
  const metrics = new ApiMetrics()
  const api: ApiDeps = {
    podStreams: NO_STREAMS,
    ...deps,
    metrics,
    watches: new WatchStreams(deps.env, metrics),
    streamSlots: new Slots(STREAM_LIMITS),
  }
  const app = new Hono<HttpEnv>({ strict: false })
  app.onError((error, c) => respondError(c, error, deps.env.log))
  app.notFound((c) => c.text('404 page not found\n', 404))

  app.use(measured(metrics, deps.registry, deps.env.clock))
  app.use(async (c, next) => {
    const url = new URL(c.req.url)
    c.set('query', url.searchParams) // errors ask it as well
    const { user, info } = await gate(c, url)
    c.set('user', user)
    c.set('info', info)
    await next()
  })

  healthRoutes(app, deps.checks ?? [], deps.version)
  metricsRoute(app, metrics, deps.metricSources ?? [], deps.version)
  discoveryRoutes(app, deps.registry)
  oidcRoutes(app, deps.tokens)
  if (deps.distribution) distRoutes(app, deps.distribution, deps)
  if (deps.openapiFolder !== undefined) openapiRoutes(app, { registry: deps.registry, folder: deps.openapiFolder, clock: deps.env.clock })
  app.get('/', (c) => respondJson(c, { paths: app.routes.map(({ path }) => path).filter((path) => /^\/[\w/]+$/.test(path)) }))
  app.all('*', async (c, next) => {
    const info = c.get('info')
    return info.type === 'resource' ? handleResource(c, api, info) : next()
  })
  return app
}
