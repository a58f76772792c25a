import type { FieldError } from './field-error.ts'
import type { JsonObject } from './object.ts'

/** Source: apimachinery pkg/apis/meta/v1 types.go, StatusReason. */
export type StatusReason =
  | 'BadRequest'
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Gone'
  | 'Expired'
  | 'RequestEntityTooLarge'
  | 'UnsupportedMediaType'
  | 'Invalid'
  | 'TooManyRequests'
  | 'InternalError'
  | 'ServiceUnavailable'
  | 'InsufficientStorage'
  | 'Timeout'
  | ''

export interface StatusCause {
  readonly reason?: string
  readonly message?: string
  readonly field?: string
}
export interface StatusDetails {
  readonly name?: string
  readonly group?: string
  /** The plural resource for NotFound, AlreadyExists and Conflict; the Kind for Invalid. */
  readonly kind?: string
  readonly uid?: string
  readonly causes?: readonly StatusCause[]
  readonly retryAfterSeconds?: number
}

/** How an error names a resource: `deployments.apps`, or `pods` for the core group. */
export interface ResourceName {
  readonly group: string
  readonly plural: string
}

/**
 * A failure that the API promises to clients; the HTTP layer turns it into a `v1.Status` body.
 * Source: kube-apiserver's Status objects; `StatusReason` of apimachinery meta/v1.
 */
export class StatusError extends Error {
  readonly code: number
  readonly reason: StatusReason
  readonly details: StatusDetails | undefined
  /** How a client may go on with a list whose snapshot is gone: `metadata.continue` of the Status. */
  continueToken?: string

  constructor(code: number, reason: StatusReason, message: string, details?: StatusDetails, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StatusError'
    this.code = code
    this.reason = reason
    this.details = details
  }
}

const qualified = ({ group, plural }: ResourceName): string => (group === '' ? plural : `${plural}.${group}`)
const detailsOf = (resource: ResourceName, name: string): StatusDetails => ({
  ...(name !== '' && { name }),
  ...(resource.group !== '' && { group: resource.group }),
  kind: resource.plural,
})

export const badRequest = (message: string, options?: ErrorOptions): StatusError =>
  new StatusError(400, 'BadRequest', message, undefined, options)

export const unauthorized = (): StatusError => new StatusError(401, 'Unauthorized', 'Unauthorized')

/** `message` follows `pods "x" is forbidden: `. */
export const forbidden = (resource: ResourceName, name: string, message: string): StatusError =>
  new StatusError(
    403,
    'Forbidden',
    name === '' ? `${qualified(resource)} is forbidden: ${message}` : `${qualified(resource)} "${name}" is forbidden: ${message}`,
    detailsOf(resource, name),
  )

export const notFound = (resource: ResourceName, name: string): StatusError =>
  new StatusError(404, 'NotFound', `${qualified(resource)} "${name}" not found`, detailsOf(resource, name))

/** A path that names no resource at all. */
export const unknownResource = (): StatusError => new StatusError(404, 'NotFound', 'the server could not find the requested resource', {})

export const methodNotAllowed = (): StatusError =>
  new StatusError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {})

export const alreadyExists = (resource: ResourceName, name: string): StatusError =>
  new StatusError(409, 'AlreadyExists', `${qualified(resource)} "${name}" already exists`, detailsOf(resource, name))

/** @param why Defaults to the optimistic-lock message that client-go recognises by reason. */
export const conflict = (
  resource: ResourceName,
  name: string,
  why = 'the object has been modified; please apply your changes to the latest version and try again',
  options?: ErrorOptions,
): StatusError =>
  new StatusError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${why}`,
    detailsOf(resource, name),
    options,
  )

/** @param continueToken Goes on with the list, though not from the same snapshot. */
export function expired(message = 'The resourceVersion for the provided list is too old.', continueToken?: string): StatusError {
  const error = new StatusError(410, 'Expired', message)
  if (continueToken !== undefined) error.continueToken = continueToken
  return error
}

/** 422 with one cause per field. Source: apimachinery pkg/api/errors NewInvalid. */
export function invalid(group: string, kind: string, name: string, errors: readonly FieldError[]): StatusError {
  const each = errors.map((error) => `${error.path}: ${error.message}`)
  const list = each.length === 1 ? each[0] : `[${each.join(', ')}]`
  const shown = group === '' ? kind : `${kind}.${group}`
  return new StatusError(422, 'Invalid', `${shown} "${name}" is invalid: ${list}`, {
    ...(name !== '' && { name }),
    ...(group !== '' && { group }),
    kind,
    causes: errors.map(({ type, message, path }) => ({ reason: type, message, field: path })),
  })
}

export const tooManyRequests = (message: string, retryAfterSeconds: number, causes: readonly StatusCause[] = []): StatusError =>
  new StatusError(429, 'TooManyRequests', message, { causes, retryAfterSeconds })

export const internalError = (message: string, options?: ErrorOptions): StatusError =>
  new StatusError(500, 'InternalError', `Internal error occurred: ${message}`, undefined, options)

/** Kubernetes has no reason for it; clients show the message. */
export const insufficientStorage = (message: string, options?: ErrorOptions): StatusError =>
  new StatusError(507, 'InsufficientStorage', message, undefined, options)

export const serviceUnavailable = (message: string, options?: ErrorOptions): StatusError =>
  new StatusError(503, 'ServiceUnavailable', message, { retryAfterSeconds: 1 }, options)

export const timedOut = (message: string): StatusError => new StatusError(504, 'Timeout', `Timeout: ${message}`, { retryAfterSeconds: 1 })

export const isReason = (error: unknown, ...reasons: StatusReason[]): boolean =>
  error instanceof StatusError && reasons.includes(error.reason)

/** The `v1.Status` body of a failure. Source: meta/v1 Status. */
export const statusBody = (error: StatusError): JsonObject => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: { ...(error.continueToken !== undefined && { continue: error.continueToken }) },
  status: 'Failure',
  message: error.message,
  ...(error.reason !== '' && { reason: error.reason }),
  ...(error.details !== undefined && { details: error.details as JsonObject }),
  code: error.code,
})
