import assert from 'node:assert/strict'
import { MemoryLink } from '@bramble/link/memory-link'
import { badRequest } from '@bramble/api/status-error'
import { systemClock } from '@bramble/reconcile/env'
import { silentLog } from '@bramble/reconcile/log'
import { createControlPlane } from '../../apps/control-plane/src/control-plane.ts'
import { type AppDeps, createApp } from '../../apps/control-plane/src/http/app.ts'
import type { Backend } from '../../apps/control-plane/src/store/backend/backend.ts'
import { MemoryBackend } from '../../apps/control-plane/src/store/backend/memory.ts'
import { SETTINGS } from '../sim/settings.ts'

export const NS = '/api/v1/namespaces/default'
export const JSON_PATCH = 'application/json-patch+json'
export const MERGE_PATCH = 'application/merge-patch+json'
export const STRATEGIC_PATCH = 'application/strategic-merge-patch+json'
export const APPLY_PATCH = 'application/apply-patch+yaml'

/** What is sent: a method, a path, a body (an object becomes JSON) and headers. */
export interface Sent {
  readonly method: string
  readonly path: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}
export interface Answer {
  readonly code: number
  readonly text: string
  readonly headers: Headers
  /** undefined when the answer is no JSON object. */
  // biome-ignore lint/suspicious/noExplicitAny: answers of every kind
  readonly json: any
}

/** What the server said where it should have had an answer of its own. */
export interface Unforeseen {
  readonly message: string
  readonly error: unknown
}

const administrator = () => ({ name: 'admin', groups: ['system:masters', 'system:authenticated'] })

/** A whole control plane behind its HTTP API, with an administrator asking. Controllers do not run: what stands, stands. */
export async function anApi(backend: Backend = new MemoryBackend(), identify: AppDeps['identify'] = administrator) {
  const unforeseen: Unforeseen[] = []
  const log = {
    ...silentLog,
    error: (message: string, fields?: Readonly<Record<string, unknown>>) => void unforeseen.push({ message, error: fields?.['error'] }),
  }
  const env = { clock: systemClock, random: () => 0.5, log }
  const plane = await createControlPlane({ backend, linkServer: new MemoryLink(env).server, env, settings: SETTINGS })
  const app = createApp({ ...plane, env, podLogs: { open: () => Promise.reject(badRequest('no node')) }, version: '0.1.0', identify })

  const send = async ({ method, path, body, headers = {} }: Sent): Promise<Answer> => {
    const isRaw = typeof body === 'string' || body instanceof Uint8Array
    const response = await app.request(path, {
      method,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: (isRaw ? body : JSON.stringify(body)) as string }),
    })
    const text = await response.text()
    return { code: response.status, text, headers: response.headers, json: text.startsWith('{') ? JSON.parse(text) : undefined }
  }
  const must = async (
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer['json']> => {
    const answer = await send({ method, path, body, ...(headers && { headers }) })
    assert.ok(answer.code < 300, `${method} ${path}: ${answer.text}`)
    return answer.json
  }
  await send({ method: 'POST', path: `${NS}/serviceaccounts`, body: { metadata: { name: 'default' } } }) // as a controller would
  return { ...plane, send, must, unforeseen }
}
export type Api = Awaited<ReturnType<typeof anApi>>
