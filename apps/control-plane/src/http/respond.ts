import { promisify } from 'node:util'
import { constants, gzip } from 'node:zlib'
import type { JsonObject } from '@bramble/api/object'
import { statusBody, StatusError } from '@bramble/api/status-error'
import type { Log } from '@bramble/reconcile/env'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { HttpContext } from './http-env.ts'
import { isTrue } from './request-info.ts'

export type Headers = Record<string, string>

/** JSON on one line, or indented for people: `?pretty=true`, curl, Wget and browsers. */
export function respondJson(c: HttpContext, body: unknown, code = 200, headers: Headers = {}): Response {
  const text = prettyWanted(c) ? JSON.stringify(body, null, 2) : JSON.stringify(body)
  return c.body(`${text}\n`, code as ContentfulStatusCode, { ...UNCACHED, 'content-type': 'application/json', ...headers })
}
const UNCACHED = { 'cache-control': 'no-cache, private' }

const compress = promisify(gzip)
/** Source: apiserver handlers/responsewriters: smaller bodies are not worth the time, and neither are higher levels. */
const COMPRESSED_CHARACTERS_MIN = 128 * 1024

/** A body that may be large: compressed for who takes that, on another thread. */
export async function respondText(c: HttpContext, text: string, code: number, headers: Headers): Promise<Response> {
  const status = code as ContentfulStatusCode
  const all = { ...UNCACHED, ...headers }
  if (text.length < COMPRESSED_CHARACTERS_MIN || c.req.method === 'HEAD' || !takesGzip(c.req.header('accept-encoding')))
    return c.body(text, status, all)
  const body = await compress(text, { level: constants.Z_BEST_SPEED })
  return c.body(body, status, { ...all, 'content-encoding': 'gzip', vary: 'Accept-Encoding' })
}

/** `gzip`, unless with a quality of 0. Source: RFC 9110 12.5.3. */
const takesGzip = (header = ''): boolean => /(^|,)\s*gzip\s*(,|$|;\s*q=(1|0\.\d*[1-9]))/i.test(header)

/** The only place where errors become HTTP. What we did not foresee is logged, and says nothing about our insides. */
export function respondError(c: HttpContext, error: unknown, log: Log): Response {
  const known = toStatusError(error)
  if (known.code >= 500 && !(error instanceof StatusError)) log.error('request failed', { error, method: c.req.method, path: c.req.path })
  const retryAfter = known.details?.retryAfterSeconds
  return respondJson(c, shortened(statusBody(known)), known.code, retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) })
}

const MESSAGE_CHARACTERS_MAX = 8_192
const CAUSE_CHARACTERS_MAX = 1_024
const CAUSES_MAX = 64

/** Messages repeat what was wrong; an answer is short all the same, whatever was sent. */
function shortened(body: JsonObject): JsonObject {
  const { message, details } = body as { message: string; details?: { name?: string; causes?: readonly Record<string, string>[] } }
  const causes = details?.causes?.slice(0, CAUSES_MAX)
  const short = causes?.map((cause) =>
    Object.fromEntries(Object.entries(cause).map(([name, text]) => [name, cut(text, CAUSE_CHARACTERS_MAX)])),
  )
  return {
    ...body,
    message: cut(message, MESSAGE_CHARACTERS_MAX),
    ...(details && {
      details: {
        ...details,
        ...(details.name !== undefined && { name: cut(details.name, CAUSE_CHARACTERS_MAX) }),
        ...(short && { causes: short }),
      },
    }),
  }
}

/** What is too long loses its middle: the end often says what is wrong. */
function cut(text: string, charactersMax: number): string {
  if (text.length <= charactersMax) return text
  return `${text.slice(0, charactersMax / 2)}…${text.slice(-charactersMax / 2)}`
}

export const toStatusError = (error: unknown): StatusError =>
  error instanceof StatusError ? error : new StatusError(500, 'InternalError', 'Internal error occurred')

/** Source: meta/v1 Status of a success, as deletions and evictions answer. */
export const successBody = (details?: JsonObject): JsonObject => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Success',
  ...(details && { details }),
})

/** Source: k8s.io/apiserver handlers/responsewriters isPrettyPrint. */
export function prettyWanted(c: HttpContext): boolean {
  const asked = c.get('query')?.get('pretty')
  if (asked !== undefined && asked !== null) return isTrue(asked)
  return /^(curl\/|Wget|Mozilla\/5\.0)/.test(c.req.header('user-agent') ?? '')
}

const WARNINGS_CHARACTERS_MAX = 4096

/**
 * Collects what a write wants to tell its caller and puts it in the `Warning` header.
 * @see Source: RFC 7234 5.5; code 299 and agent `-` as kube-apiserver sends them.
 */
export class Warnings {
  readonly #messages = new Set<string>()
  #characters = 0

  add(message: string): void {
    const clean = message.replace(/[\u0000-\u001f\u007f]/g, ' ')
    if (this.#messages.has(clean) || this.#characters + clean.length > WARNINGS_CHARACTERS_MAX) return
    this.#characters += clean.length
    this.#messages.add(clean)
  }

  headers(): Headers {
    if (this.#messages.size === 0) return {}
    const values = [...this.#messages].map((message) => `299 - "${message.replace(/["\\]/g, '\\$&')}"`)
    return { warning: Buffer.from(values.join(', '), 'utf8').toString('latin1') }
  }
}
