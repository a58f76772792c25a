import type { Env } from '@bramble/reconcile/env'
import type { ApiClient } from '../api/client.ts'
import type { AdmissionStep } from '../api/requests.ts'
import { CertificateRequester } from './certificate-requester.ts'
import { ClaimResize } from './claim-resize.ts'
import { DefaultIngressClass } from './default-ingress-class.ts'
import { DefaultStorageClass } from './default-storage-class.ts'
import { defaultTolerations } from './default-tolerations.ts'
import { NamespaceLifeCycle } from './namespace-life-cycle.ts'
import { PodPriority } from './pod-priority.ts'
import { ServiceAccountStep } from './service-account.ts'
import type { ServiceRanges } from './service-addresses/ranges.ts'
import { ServiceAddresses } from './service-addresses/service-addresses.ts'
import { storageProtection } from './storage-protection.ts'

export interface AdmissionDeps {
  /** Looks at what is stored; asked at each write, so it may be given before the API is complete. */
  readonly reads: Pick<ApiClient, 'get' | 'list'>
  readonly ranges: ServiceRanges
  readonly env: Pick<Env, 'random' | 'clock'>
}

/** What every write passes, in this order. Whoever reserves something comes last: nobody after it can refuse. */
export const allAdmissionSteps = ({ reads, ranges, env }: AdmissionDeps): readonly AdmissionStep[] => [
  new NamespaceLifeCycle(reads),
  defaultTolerations,
  new PodPriority(reads),
  new ServiceAccountStep(reads, env),
  new DefaultStorageClass(reads),
  storageProtection,
  new ClaimResize(reads),
  new DefaultIngressClass(reads),
  new CertificateRequester(env.clock),
  new ServiceAddresses(reads, ranges, env.random),
]
