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
  readonly limit: number
}

/**
 * What resourceVersion, resourceVersionMatch, limit and continue mean together.
 *
 * @throws StatusError 400 for a version or token that is none, 422 for a combination that is not allowed.
 * @see Source: apimachinery pkg/apis/meta/internalversion/validation; apiserver pkg/storage/etcd3 GetList.
 */
export function listPosition({ resourceVersion = '', resourceVersionMatch = '', continue: token = '', limit }: Versions): ListPosition {
  if (resourceVersionMatch) checkMatch(resourceVersion, resourceVersionMatch, token !== '')
  if (token) {
    if (resourceVersion && resourceVersion !== '0') throw badRequest('specifying resource version is not allowed when using continue')
    return readToken(token)
  }
  const revision = parseRevision(resourceVersion)
  if (revision === undefined) return { type: 'newest' }
  if (revision === 0) return { type: 'at-least', revision }
  if (resourceVersionMatch === 'Exact' || (!resourceVersionMatch && limit > 0)) return { type: 'exactly', revision }
  return { type: 'at-least', revision }
}

function checkMatch(version: string, match: string, isContinued: boolean): void {
  const path = 'resourceVersionMatch'
  const errors: FieldError[] = []
  if (isContinued) errors.push(forbiddenField(path, 'resourceVersionMatch is forbidden when continue is provided'))
  if (!version) errors.push(forbiddenField(path, 'resourceVersionMatch is forbidden unless resourceVersion is provided'))
  if (match !== 'Exact' && match !== 'NotOlderThan') errors.push(notSupported(path, match, ['Exact', 'NotOlderThan', '']))
  if (match === 'Exact' && version === '0')
    errors.push(forbiddenField(path, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'))
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

/** Source: apiserver pkg/storage/continue.go; opaque to clients. A revision of -1 stands for "whatever is newest". */
export const continueToken = (revision: Revision, after: string): string =>
  Buffer.from(JSON.stringify({ v: 'bramble/v1', rv: revision, after })).toString('base64url')

function readToken(token: string): ListPosition {
  const read = parseToken(token)
  if (!read) throw badRequest('continue key is not valid: start the list again without it')
  return read.revision < 0 ? { type: 'rest', after: read.after } : { type: 'exactly', revision: read.revision, after: read.after }
}

function parseToken(token: string): { revision: Revision; after: string } | undefined {
  try {
    const { v, rv, after } = JSON.parse(Buffer.from(token, 'base64url').toString()) as Record<string, unknown>
    return v === 'bramble/v1' && typeof rv === 'number' && typeof after === 'string' ? { revision: rv, after } : undefined
  } catch {
    return undefined
  }
}

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
