import type { Clock } from '@bramble/reconcile/env'
import type { Hono, MiddlewareHandler } from 'hono'
import type { Registry } from '../../api/registry.ts'
import type { ApiMetrics } from '../../metrics/api-metrics.ts'
import { type MetricSource, single } from '@bramble/reconcile/metrics/family'
import { processMetrics } from '@bramble/reconcile/metrics/process-metrics'
import { METRICS_TYPE, metricsText } from '@bramble/reconcile/metrics/text'
import type { HttpEnv } from '../http-env.ts'
import { isStream, requestLabels } from '../request-labels.ts'
import { respondText } from '../respond.ts'
import { versionBody } from './health.ts'

/** Counts every request, whatever becomes of it. The first of all handlers. */
export const measured = (metrics: ApiMetrics, registry: Registry, clock: Clock): MiddlewareHandler<HttpEnv> =>
  async function measure(c, next) {
    const startMs = clock.monotonicMs()
    const end = metrics.begin(c.req.method)
    try {
      await next()
    } finally {
      end()
    }
    const labels = requestLabels(c.req.method, c.get('info'), c.get('query'), registry)
    metrics.answered(labels, c.res.status, isStream(labels) ? undefined : (clock.monotonicMs() - startMs) / 1000)
  }

/** `GET /metrics`, as Prometheus reads it. */
export function metricsRoute(app: Hono<HttpEnv>, metrics: ApiMetrics, sources: readonly MetricSource[], version: string): void {
  app.get('/metrics', async (c) => {
    const families = [
      ...metrics.families(),
      ...(await Promise.all([...sources, processMetrics].map((source) => source()))).flat(),
      buildInfo(version),
    ]
    return respondText(c, metricsText(families), 200, { 'content-type': METRICS_TYPE })
  })
}

function buildInfo(version: string) {
  const { major, minor, gitVersion, gitCommit, gitTreeState, buildDate, goVersion, compiler, platform } = versionBody(version)
  const labels = {
    major,
    minor,
    git_version: gitVersion,
    git_commit: gitCommit,
    git_tree_state: gitTreeState,
    build_date: buildDate,
    go_version: goVersion,
    compiler,
    platform,
  } as Record<string, string>
  return single('gauge', 'kubernetes_build_info', 'The Kubernetes version whose API is served, and what serves it.', 1, labels)
}
