import { unauthorized } from '@bramble/api/status-error'
import type { UserInfo } from '../api/requests.ts'

/** What a connection proves about its other end. */
export interface Credentials {
  /** The client's certificate, if it sent one. */
  readonly certificate?: {
    /** Signed by our own authority and in date. */
    readonly verified: boolean
    readonly commonName: string
    readonly organizations: readonly string[]
  }
  /** The `Authorization` header. */
  readonly authorization?: string
}

export const ANONYMOUS: UserInfo = { name: 'system:anonymous', groups: ['system:unauthenticated'] }
export const AUTHENTICATED_GROUP = 'system:authenticated'

/**
 * Who asks: the common name of a certificate is the user, its organizations are the groups; nobody shows nothing.
 *
 * @throws StatusError 401 for credentials that we cannot verify: a certificate of another authority, any token.
 * @see Source: Kubernetes documentation, "Authenticating", X509 client certificates and anonymous requests.
 */
export function authenticate({ certificate, authorization }: Credentials): UserInfo {
  if (certificate?.verified && certificate.commonName !== '')
    return { name: certificate.commonName, groups: [...new Set([...certificate.organizations, AUTHENTICATED_GROUP])] }
  if (certificate !== undefined || authorization !== undefined) throw unauthorized()
  return ANONYMOUS
}
