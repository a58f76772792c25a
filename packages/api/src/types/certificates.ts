import type { Condition } from '../conditions.ts'
import type { KubeObject, Timestamp } from '../object.ts'

/** Source: certificates.k8s.io/v1 CertificateSigningRequest. */
export interface CertificateSigningRequest extends KubeObject {
  spec: {
    /** Base64 of a PEM block with a PKCS #10 request. */
    request?: string
    signerName?: string
    expirationSeconds?: number
    usages?: string[]
    /** Who made the request: the server fills these four. */
    username?: string
    uid?: string
    groups?: string[]
    extra?: Record<string, string[]>
  }
  status?: CertificateSigningRequestStatus
}

export interface CertificateSigningRequestStatus {
  conditions?: CertificateCondition[]
  /** Base64 of PEM blocks. */
  certificate?: string
}

/** `Approved`, `Denied` and `Failed` are never taken back. */
export interface CertificateCondition extends Condition {
  lastUpdateTime?: Timestamp
}
