import type { Hono } from 'hono'
import type { HttpContext, HttpEnv } from '../http-env.ts'
import { respondJson } from '../respond.ts'

/** One thing that must hold for the server to be of use. */
export interface HealthCheck {
  readonly name: string
  /** What is wrong, for the operator's log; undefined when nothing is. */
  check(): string | undefined
  /** Default: all three. A check that a restart cannot mend belongs to `readyz` only. */
  readonly only?: 'readyz'
}

/** `/healthz`, `/livez`, `/readyz` (and `?verbose`, and `/readyz/NAME`), `/version`. */
export function healthRoutes(app: Hono<HttpEnv>, checks: readonly HealthCheck[], version: string): void {
  for (const endpoint of ['healthz', 'livez', 'readyz'] as const) {
    const relevant = [PING, ...checks.filter(({ only }) => only === undefined || only === endpoint)]
    app.get(`/${endpoint}`, (c) => report(c, endpoint, relevant, c.req.query('exclude')))
    app.get(`/${endpoint}/:name`, (c) => {
      const found = relevant.filter(({ name }) => name === c.req.param('name'))
      return found.length === 0 ? c.text('404 page not found\n', 404) : report(c, endpoint, found)
    })
  }
  app.get('/version', (c) => respondJson(c, versionBody(version)))
  app.get('/version/', (c) => respondJson(c, versionBody(version)))
}

const PING: HealthCheck = { name: 'ping', check: () => undefined }

/** Source: k8s.io/apiserver pkg/server/healthz: the text that people and load balancers know. */
function report(c: HttpContext, endpoint: string, checks: readonly HealthCheck[], exclude?: string): Response {
  const results = checks.filter(({ name }) => name !== exclude).map(({ name, check }) => ({ name, wrong: check() }))
  const healthy = results.every(({ wrong }) => wrong === undefined)
  const lines = results.map(({ name, wrong }) => (wrong === undefined ? `[+]${name} ok` : `[-]${name} failed: reason withheld`))
  const verdict = healthy ? `${endpoint} check passed` : `${endpoint} check failed`
  if (healthy && c.req.query('verbose') === undefined) return c.text('ok')
  return c.text([...lines, verdict, ''].join('\n'), healthy ? 200 : 500)
}

/** The Kubernetes version whose API we speak. Clients compare it with their own. */
const KUBERNETES = { major: '1', minor: '36', patch: '2' }

/** Source: apimachinery pkg/version Info. Clients parse `gitVersion` as a semantic version. */
export const versionBody = (version: string): Record<string, string> => ({
  major: KUBERNETES.major,
  minor: KUBERNETES.minor,
  gitVersion: `v${KUBERNETES.major}.${KUBERNETES.minor}.${KUBERNETES.patch}+bramble.${version}`,
  gitCommit: '',
  gitTreeState: '',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: '',
  compiler: 'node',
  platform: `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`,
})
