import { forbidden } from '@bramble/api/status-error'
import type { CertificateSigningRequest } from '@bramble/api/types/certificates'
import type { AdmissionRequest, AdmissionStep } from '../api/requests.ts'
import { certificateSigningRequests } from '../resources/certificates/certificate-signing-request.ts'
import { isSame } from '../resources/differences.ts'
import type { Authorizer } from './authorizer.ts'

/**
 * Who may change requests for certificates may not thereby approve or sign them: that takes the verb `approve` or `sign`
 * for the signer, by its name or for all of its domain (`example.com/*`).
 *
 * @see Source: Kubernetes plugin/pkg/admission/certificates, approval and signing.
 */
export function signerRights(authorizer: Authorizer): AdmissionStep {
  return {
    name: 'CertificateApproval',
    admit: (request) => {
      const { resource, previous, context, object } = request
      const verb = verbOf(request)
      if (verb === undefined) return
      const signerName = (previous as CertificateSigningRequest).spec.signerName ?? ''
      const names = [signerName, `${signerName.split('/')[0]}/*`]
      const allows = (name: string): boolean =>
        authorizer.authorize(context.user, { type: 'resource', verb, group: resource.group, plural: 'signers', name }).allowed
      if (names.some(allows)) return
      throw forbidden(
        resource,
        object.metadata.name,
        `user not permitted to ${verb} requests with signerName ${JSON.stringify(signerName)}`,
      )
    },
  }
}

function verbOf({ operation, resource, subresource, object, previous }: AdmissionRequest): 'approve' | 'sign' | undefined {
  const { group, kind } = certificateSigningRequests
  if (operation !== 'update' || resource.group !== group || resource.kind !== kind) return undefined
  if (subresource === 'approval') return 'approve'
  if (subresource !== 'status') return undefined
  const [now, before] = [object, previous].map((request) => (request as CertificateSigningRequest).status)
  return isSame([now?.certificate, now?.conditions], [before?.certificate, before?.conditions]) ? undefined : 'sign'
}
