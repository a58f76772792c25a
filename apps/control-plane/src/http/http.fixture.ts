import { systemClock } from '@bramble/reconcile/env'
import type { Env } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { LocalClient } from '../api/local-client.ts'
import { Registry } from '../api/registry.ts'
import { ResourceService } from '../api/resource-service.ts'
import type { AdmissionStep } from '../api/requests.ts'
import { Authorizer } from '../auth/authorizer.ts'
import { escalationPrevention } from '../auth/escalation.ts'
import { ServiceAccountTokens } from '../auth/service-account-tokens.ts'
import { newServiceAccountKey } from '../pki/service-account-key.ts'
import { allResources } from '../resources/all.ts'
import { ensureClusterRoleBindings } from '../resources/standard-objects/cluster-role-bindings.ts'
import { ensureClusterRoles } from '../resources/standard-objects/cluster-roles.ts'
import { MemoryBackend } from '../store/backend/memory.ts'
import { openStore } from '../store/store.ts'
import { type AppDeps, createApp } from './app.ts'
import { badRequest } from '@bramble/api/status-error'

export const ADMIN = { name: 'admin', groups: ['system:masters', 'system:authenticated'] }
export const testEnv = (): Env => ({ clock: systemClock, random: () => 0.5, log: silentLog })

/** The whole API over a store in memory, asked by an administrator; with the roles that every cluster has when another may ask. */
export async function testApi(
  overrides: Partial<AppDeps> & {
    readonly admission?: readonly AdmissionStep[]
    readonly roles?: boolean
    readonly historyMax?: number
  } = {},
) {
  const env = overrides.env ?? testEnv()
  const registry = new Registry(allResources)
  const store = await openStore(new MemoryBackend(), {
    env,
    volatile: () => false,
    ...(overrides.historyMax && { historyMax: overrides.historyMax }),
  })
  const authorizer = new Authorizer(store)
  const admission = overrides.admission ?? [escalationPrevention(authorizer)]
  const resources = new ResourceService({ store, registry, env, admission })
  const client = new LocalClient({ store, resources })
  const key = newServiceAccountKey()
  const tokens = new ServiceAccountTokens({
    signingKey: async () => key,
    reads: client,
    env,
    keySetUrl: 'https://192.0.2.1:6443/openid/v1/jwks',
  })
  if (overrides.roles ?? 'identify' in overrides) {
    await ensureClusterRoles(client)
    await ensureClusterRoleBindings(client)
  }
  const podLogs = { open: () => Promise.reject(badRequest('no node')) }
  const app = createApp({ resources, registry, env, authorizer, tokens, podLogs, version: '0.1.0', identify: () => ADMIN, ...overrides })
  const call = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const response = await app.request(path, {
      method,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, json: text.startsWith('{') ? JSON.parse(text) : undefined }
  }
  return { app, authorizer, call, client, env, registry, resources, store, tokens }
}
