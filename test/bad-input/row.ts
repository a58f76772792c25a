import type { StatusReason } from '@bramble/api/status-error'
import type { Sent } from './bad-input.fixture.ts'

/** What is wrong, what is sent, and what comes back: HTTP code, reason (if it has one) and message of the Status. */
export type Row = readonly [name: string, sent: Sent, code: number, reason: StatusReason | undefined, message: string | RegExp]

export const get = (path: string, headers?: Sent['headers']): Sent => ({ method: 'GET', path, ...(headers && { headers }) })
export const post = (path: string, body: unknown, contentType = 'application/json'): Sent => ({
  method: 'POST',
  path,
  body,
  headers: { 'content-type': contentType },
})
export const put = (path: string, body: unknown): Sent => ({ method: 'PUT', path, body })
export const patch = (path: string, contentType: string, body: unknown): Sent => ({
  method: 'PATCH',
  path,
  body,
  headers: { 'content-type': contentType },
})
export const remove = (path: string, body?: unknown): Sent => ({ method: 'DELETE', path, ...(body !== undefined && { body }) })

export const configMap = (name: string, more: object = {}): object => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, ...more })
export const pod = (name: string, spec: object = {}): object => ({
  metadata: { name },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
})
export const deployment = (name: string, spec: object = {}): object => ({
  metadata: { name },
  spec: {
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    ...spec,
  },
})
export const service = (name: string, spec: object = {}): object => ({
  metadata: { name },
  spec: { selector: { app: name }, ports: [{ port: 80 }], ...spec },
})

/** `{"a":{"a":…}}` or `[[…]]`, as text: too deep to be made by JSON.stringify. */
export const nested = (open: string, close: string, depth: number, inside = '1'): string =>
  open.repeat(depth) + inside + close.repeat(depth)
