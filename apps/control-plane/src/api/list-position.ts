import { type FieldError, forbiddenField, invalidValue, notSupported } from '@bramble/api/field-error'
import { badRequest, expired, invalid, StatusError } from '@bramble/api/status-error'
import type { Revision } from '../store/backend/backend.ts'

/** Where in time, and after which key, a list reads. */
export type ListPosition =
  | { readonly type: 'newest' }
  /** Any state not older than this. */
  | { readonly type: 'at-least'; readonly revision: Revision }
  /** This snapshot; the rest of a list when `after` is there. */
  | { readonly type: 'exactly'; readonly revision: Revision; readonly after?: string }
  /** What is there now after a key: the way on when a snapshot is gone. */
  | { readonly type: 'rest'; readonly after: string }

interface Versions {
  readonly resourceVersion?: string
  readonly resourceVersionMatch?: string
  readonly continue?: string
  readonly sendInitialEvents?: boolean
  readonly limit: number
}

/**
 * What resourceVersion, resourceVersionMatch, limit and continue mean together.
 *
 * @param prefix Of the keys that are listed: a token for another list is none.
 * @throws StatusError 400 for a token that is none, 422 for a version that is none and for a combination that is not allowed.
 * @see Source: apimachinery pkg/apis/meta/internalversion/validation; apiserver pkg/storage/etcd3 GetList.
 */
export function listPosition(versions: Versions, prefix: string): ListPosition {
  checkMatch(versions)
  const { resourceVersion = '', resourceVersionMatch = '', continue: token = '', limit } = versions
  if (token) {
    const position = readToken(token, prefix)
    if (resourceVersion && resourceVersion !== '0') throw badRequest('specifying resource version is not allowed when using continue')
    return position
  }
  const revision = parseRevision(resourceVersion)
  if (revision === undefined) return { type: 'newest' }
  if (revision === 0) return { type: 'at-least', revision }
  if (resourceVersionMatch === 'Exact' || (!resourceVersionMatch && limit > 0)) return { type: 'exactly', revision }
  return { type: 'at-least', revision }
}

function checkMatch({ resourceVersion, resourceVersionMatch: match, continue: token, sendInitialEvents }: Versions): void {
  const path = 'resourceVersionMatch'
  const errors: FieldError[] = []
  if (match) {
    if (!resourceVersion) errors.push(forbiddenField(path, 'resourceVersionMatch is forbidden unless resourceVersion is provided'))
    if (token) errors.push(forbiddenField(path, 'resourceVersionMatch is forbidden when continue is provided'))
    if (match !== 'Exact' && match !== 'NotOlderThan') errors.push(notSupported(path, match, ['Exact', 'NotOlderThan', '']))
    if (match === 'Exact' && resourceVersion === '0')
      errors.push(forbiddenField(path, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'))
  }
  if (sendInitialEvents !== undefined) errors.push(forbiddenField('sendInitialEvents', 'sendInitialEvents is forbidden for list'))
  if (errors.length > 0) throw invalidListOptions(errors)
}

export const invalidListOptions = (errors: readonly FieldError[]): StatusError => invalid('meta.k8s.io', 'ListOptions', '', errors)

/**
 * @returns Undefined for ''.
 * @throws StatusError 422 when it is no revision.
 */
export function parseRevision(text: string | undefined): Revision | undefined {
  if (!text) return undefined
  const revision = /^\d{1,19}$/.test(text) ? Number(text) : NaN
  if (Number.isNaN(revision))
    throw invalidListOptions([invalidValue('resourceVersion', text, `strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`)])
  return revision
}

/** Opaque to clients. A revision of -1 stands for "whatever is newest". Source: apiserver pkg/storage/continue.go. */
export const continueToken = (revision: Revision, after: string): string =>
  Buffer.from(JSON.stringify({ v: TOKEN_VERSION, rv: revision, after })).toString('base64url')
const TOKEN_VERSION = 'bramble/v2'

function readToken(token: string, prefix: string): ListPosition {
  const { v, rv, after } = parseToken(token)
  if (v !== TOKEN_VERSION) throw badToken(': server does not recognize this encoded version')
  if (typeof rv !== 'number' || !Number.isSafeInteger(rv) || rv === 0) throw badToken(': incorrect encoded start resourceVersion')
  if (typeof after !== 'string' || after.length === prefix.length || !after.startsWith(prefix)) throw badToken(': it is not of this list')
  return rv < 0 ? { type: 'rest', after } : { type: 'exactly', revision: rv, after }
}

function parseToken(token: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(token, 'base64url').toString())
    if (typeof parsed === 'object' && parsed !== null) return parsed as Record<string, unknown>
  } catch {
    // said below
  }
  throw badToken('')
}

const badToken = (why: string): StatusError => badRequest(`invalid continue token: continue key is not valid${why}`)

/** 410, with a token that goes on from here without the snapshot. Source: apiserver pkg/storage/etcd3 handleCompactedErrorForPaging. */
export const pagingExpired = (after: string): StatusError =>
  expired(
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
    continueToken(-1, after),
  )

/** 504: nobody has handed out that revision yet. */
export const tooLargeRevision = (asked: Revision, current: Revision): StatusError =>
  new StatusError(504, 'Timeout', `Timeout: Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  })
