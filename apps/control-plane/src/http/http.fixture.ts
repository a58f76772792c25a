import { systemClock } from '@bramble/reconcile/env'
import type { Env } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { Registry } from '../api/registry.ts'
import { ResourceService } from '../api/resource-service.ts'
import type { AdmissionStep } from '../api/requests.ts'
import { allResources } from '../resources/all.ts'
import { MemoryBackend } from '../store/backend/memory.ts'
import { openStore } from '../store/store.ts'
import { type AppDeps, createApp } from './app.ts'
import { badRequest } from '@bramble/api/status-error'

export const ADMIN = { name: 'admin', groups: ['system:masters', 'system:authenticated'] }
export const testEnv = (): Env => ({ clock: systemClock, random: () => 0.5, log: silentLog })

/** The whole API over a store in memory, asked by an administrator. */
export async function testApi(overrides: Partial<AppDeps> & { readonly admission?: readonly AdmissionStep[] } = {}) {
  const env = overrides.env ?? testEnv()
  const registry = new Registry(allResources)
  const store = await openStore(new MemoryBackend(), { env, volatile: () => false })
  const resources = new ResourceService({ store, registry, env, admission: overrides.admission ?? [] })
  const podLogs = { open: () => Promise.reject(badRequest('no node')) }
  const app = createApp({ resources, registry, env, podLogs, version: '0.1.0', identify: () => ADMIN, ...overrides })
  const call = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const response = await app.request(path, {
      method,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, json: text.startsWith('{') ? JSON.parse(text) : undefined }
  }
  return { app, call, env, registry, resources, store }
}
