import { conditionOf } from '@bramble/api/conditions'
import { humanDuration } from '@bramble/api/duration'
import { mutableCopy, type Timestamp } from '@bramble/api/object'
import type { CertificateSigningRequest } from '@bramble/api/types/certificates'
import type { ResourceDefinition } from '../../api/resource.ts'
import { ageColumn, nameColumn } from '../columns.ts'
import { validateApproval, validateNewRequest, validateStatusUpdate } from './validate-request.ts'

export const certificateSigningRequests: ResourceDefinition<CertificateSigningRequest> = {
  group: 'certificates.k8s.io',
  version: 'v1',
  kind: 'CertificateSigningRequest',
  plural: 'certificatesigningrequests',
  shortNames: ['csr'],
  scope: 'Cluster',
  durability: 'durable',
  schema: { type: 'ref', ref: 'io.k8s.api.certificates.v1.CertificateSigningRequest' },
  columns: [
    nameColumn,
    ageColumn,
    { name: 'SignerName', type: 'string', value: ({ spec }) => spec.signerName || '<none>' },
    { name: 'Requestor', type: 'string', value: ({ spec }) => spec.username ?? '' },
    { name: 'RequestedDuration', type: 'string', value: durationText },
    { name: 'Condition', type: 'string', value: conditionText },
  ],
  subresources: {
    status: true,
    named: [
      {
        name: 'approval',
        kind: 'CertificateSigningRequest',
        verbs: ['get', 'patch', 'update'],
        take: ({ status }, previous) => ({
          ...previous,
          status: { ...previous.status, conditions: mutableCopy(status?.conditions ?? []) },
        }),
        validate: validateApproval,
      },
    ],
  },
  fields: ({ spec }) => ({ 'spec.signerName': spec.signerName ?? '' }),
  prepare: (draft, previous) => {
    if (previous) draft.spec = mutableCopy(previous.spec)
    else for (const field of REQUESTER) delete draft.spec[field] // admission says who it is
  },
  noteTimes: noteConditionTimes,
  validate: (request, previous) => (previous ? validateStatusUpdate(request, previous) : validateNewRequest(request)),
}

/** Of conditions that come without times. Source: Kubernetes pkg/registry/certificates strategy.go populateConditionTimestamps. */
function noteConditionTimes({ status }: CertificateSigningRequest, previous: CertificateSigningRequest | undefined, now: Timestamp): void {
  for (const condition of status?.conditions ?? []) {
    condition.lastUpdateTime ??= now
    const before = conditionOf(previous?.status?.conditions, condition.type)
    condition.lastTransitionTime ??= (before?.status === condition.status && before.lastTransitionTime) || now
  }
}

/** Signs for clients of the API; the one signer that Bramble has. */
export const CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client'

const REQUESTER = ['username', 'uid', 'groups', 'extra'] as const

function durationText({ spec: { expirationSeconds } }: CertificateSigningRequest): string {
  return expirationSeconds === undefined ? '<none>' : humanDuration(expirationSeconds * 1000)
}

function conditionText({ status }: CertificateSigningRequest): string {
  const has = (type: string): boolean => status?.conditions?.some((condition) => condition.type === type) ?? false
  const decision = has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending'
  return [decision, ...(has('Failed') ? ['Failed'] : []), ...(status?.certificate ? ['Issued'] : [])].join(',')
}
