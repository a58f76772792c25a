import { conditionOf } from '@bramble/api/conditions'
import type { CertificateSigningRequest } from '@bramble/api/types/certificates'
import { parseCertificateRequest } from '../../resources/certificates/certificate-request.ts'
import { CLIENT_SIGNER } from '../../resources/certificates/certificate-signing-request.ts'
import type { CertificateWish } from './signer.ts'

const HOUR_MS = 3_600_000
/** How long a certificate lasts whose request does not say. */
export const DURATION_MAX_MS = 365 * 24 * HOUR_MS
const DURATION_MIN_MS = 600_000

/** `untilMs`: when the request is of no more use, epoch milliseconds. */
export type SigningPlan =
  | { readonly type: 'sign'; readonly wish: CertificateWish }
  | { readonly type: 'fail'; readonly message: string }
  | { readonly type: 'remove' }
  | { readonly type: 'keep'; readonly untilMs: number | undefined }

/**
 * What becomes of a request for a certificate: approved ones for clients of the API are signed, those that a client
 * certificate cannot be fail, and what nobody will look at again goes away. Requests for other signers are theirs.
 *
 * @see Source: Kubernetes pkg/controller/certificates, signer and cleaner.
 */
export function planSigning({ metadata, spec, status = {} }: CertificateSigningRequest, nowMs: number): SigningPlan {
  const untilMs = endOfUse(metadata.creationTimestamp, status)
  if (untilMs !== undefined && nowMs >= untilMs) return { type: 'remove' }
  const has = (type: string): boolean => conditionOf(status.conditions, type) !== undefined
  const isOurs = spec.signerName === CLIENT_SIGNER
  if (!isOurs || !has('Approved') || has('Denied') || has('Failed') || status.certificate) return { type: 'keep', untilMs }

  const usages = spec.usages ?? []
  const fault = usageFault(usages)
  if (fault !== undefined) return { type: 'fail', message: fault }
  try {
    const { der } = parseCertificateRequest(spec.request ?? '')
    const durationMs = durationOf(spec.expirationSeconds)
    return { type: 'sign', wish: { csr: der, durationMs, isForKeyEncipherment: usages.includes('key encipherment') } }
  } catch (error) {
    return { type: 'fail', message: `unable to parse csr: ${(error as Error).message}` }
  }
}

const OPTIONAL_USAGES = ['digital signature', 'key encipherment']
const CLIENT_USAGE = 'client auth'

function usageFault(usages: readonly string[]): string | undefined {
  const other = usages.find((usage) => usage !== CLIENT_USAGE && !OPTIONAL_USAGES.includes(usage))
  if (other !== undefined) return `invalid usage for client certificate: ${other}`
  return usages.includes(CLIENT_USAGE) ? undefined : `missing required usage for client certificate: ${CLIENT_USAGE}`
}

const durationOf = (seconds: number | undefined): number =>
  seconds === undefined ? DURATION_MAX_MS : Math.min(Math.max(seconds * 1000, DURATION_MIN_MS), DURATION_MAX_MS)

const DECIDED_MS = HOUR_MS
const PENDING_MS = 24 * HOUR_MS

function endOfUse(
  createdAt: string,
  { conditions = [], certificate }: NonNullable<CertificateSigningRequest['status']>,
): number | undefined {
  if (conditions.length === 0) return Date.parse(createdAt) + PENDING_MS
  const last = conditions.find(({ type }) => type === 'Denied' || type === 'Failed' || (type === 'Approved' && certificate))
  const decidedAt = last?.lastUpdateTime ?? last?.lastTransitionTime
  return decidedAt === undefined ? undefined : Date.parse(decidedAt) + DECIDED_MS
}
