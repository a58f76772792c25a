import { timestamp } from '@bramble/api/duration'
import { forbidden } from '@bramble/api/status-error'
import type { CertificateCondition, CertificateSigningRequest } from '@bramble/api/types/certificates'
import type { Clock } from '@bramble/reconcile/env'
import type { AdmissionRequest, AdmissionStep } from '../api/requests.ts'
import { parseCertificateRequest } from '../resources/certificates/certificate-request.ts'
import { certificateSigningRequests, CLIENT_SIGNER } from '../resources/certificates/certificate-signing-request.ts'

/** Who holds a certificate with this group may do everything, for ever. */
const MASTERS = 'system:masters'

/**
 * Writes into a new request for a certificate who made it, refuses one for the masters' group, and says when conditions came.
 * @see Source: Kubernetes pkg/registry/certificates/certificates strategy.go; plugin/pkg/admission/certificates/subjectrestriction.
 */
export class CertificateRequester implements AdmissionStep {
  readonly name = 'CertificateSubjectRestriction'
  readonly #clock: Pick<Clock, 'nowMs'>

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock
  }

  admit(request: AdmissionRequest): void {
    const { operation, resource } = request
    if (operation === 'delete' || resource.group !== certificateSigningRequests.group) return
    if (resource.kind !== certificateSigningRequests.kind) return
    if (operation === 'create') nameRequester(request)
    else this.#stampConditions(request.object as CertificateSigningRequest, request.previous as CertificateSigningRequest)
  }

  #stampConditions({ status }: CertificateSigningRequest, previous: CertificateSigningRequest): void {
    const now = timestamp(this.#clock.nowMs())
    for (const condition of status?.conditions ?? []) {
      condition.lastUpdateTime ||= now
      condition.lastTransitionTime ||= lastTransition(condition, previous) ?? now
    }
  }
}

function nameRequester({ object, resource, context: { user } }: AdmissionRequest): void {
  const { spec, metadata } = object as CertificateSigningRequest
  spec.username = user.name
  spec.groups = [...user.groups]
  if (user.uid) spec.uid = user.uid
  if (user.extra && Object.keys(user.extra).length > 0)
    spec.extra = Object.fromEntries(Object.entries(user.extra).map(([key, values]) => [key, [...values]]))
  if (spec.signerName !== CLIENT_SIGNER) return
  if (parseCertificateRequest(spec.request ?? '').organizations.includes(MASTERS))
    throw forbidden(resource, metadata.name, `use of ${CLIENT_SIGNER} signer with ${MASTERS} group is not allowed`)
}

const lastTransition = ({ type, status }: CertificateCondition, previous: CertificateSigningRequest): string | undefined =>
  previous.status?.conditions?.find((before) => before.type === type && before.status === status)?.lastTransitionTime
