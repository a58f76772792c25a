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
  /** A bearer token. */
  readonly token?: string
}

/** Whom a bearer token stands for; undefined when it is not worth anything. */
export type TokenVerifier = (token: string) => Promise<UserInfo | undefined>

export const ANONYMOUS: UserInfo = { name: 'system:anonymous', groups: ['system:unauthenticated'] }
export const AUTHENTICATED_GROUP = 'system:authenticated'
export const UNAUTHENTICATED_GROUP = 'system:unauthenticated'

/**
 * Who asks: the common name of a certificate is the user, its organizations are the groups; a token stands for whom it was
 * made for; nobody shows nothing.
 *
 * @throws StatusError 401 for credentials that are not worth anything: a certificate of another authority, a token that is
 * not ours, has run out, or whose ServiceAccount is gone.
 * @see Source: Kubernetes documentation, "Authenticating", X509 client certificates, tokens and anonymous requests.
 */
export async function authenticate({ certificate, token }: Credentials, verify: TokenVerifier): Promise<UserInfo> {
  if (certificate?.verified && certificate.commonName !== '')
    return { name: certificate.commonName, groups: [...new Set([...certificate.organizations, AUTHENTICATED_GROUP])] }
  const user = token === undefined ? undefined : await verify(token)
  if (user) return user
  if (certificate !== undefined || token !== undefined) throw unauthorized()
  return ANONYMOUS
}

/** The token of an `Authorization` header; undefined when it is of another kind, or empty. */
export function bearerToken(authorization: string | undefined): string | undefined {
  const [scheme = '', token = ''] = (authorization ?? '').trim().split(' ')
  return scheme.toLowerCase() === 'bearer' && token !== '' ? token : undefined
}
