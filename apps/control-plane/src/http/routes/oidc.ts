import type { Hono } from 'hono'
import type { ServiceAccountTokens } from '../../auth/service-account-tokens.ts'
import type { HttpEnv } from '../http-env.ts'
import { respondJson } from '../respond.ts'

const CACHE = { 'cache-control': 'public, max-age=3600' }

/**
 * How others check the tokens of ServiceAccounts themselves.
 * @see Source: Kubernetes documentation, "Configure Service Accounts for Pods", ServiceAccount token issuer discovery.
 */
export function oidcRoutes(app: Hono<HttpEnv>, tokens: ServiceAccountTokens): void {
  app.get('/.well-known/openid-configuration', (c) => respondJson(c, tokens.discovery(), 200, CACHE))
  app.get('/openid/v1/jwks', async (c) =>
    respondJson(c, await tokens.keySet(), 200, { ...CACHE, 'content-type': 'application/jwk-set+json' }),
  )
}
