import { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'

/** The certificate of a control plane names this, whatever address it is dialled at. */
export const SERVER_NAME = 'bramble-control-plane'
const SERVER_AUTHENTICATION = '1.3.6.1.5.5.7.3.1'
/** What OpenSSL says when nothing but the time is wrong, as far as it looked. */
const TIME_FAULTS: ReadonlySet<unknown> = new Set(['CERT_NOT_YET_VALID', 'CERT_HAS_EXPIRED'])

/** The other end is not the control plane that this node belongs to. */
export class NotControlPlane extends Error {
  override name = 'NotControlPlane'
  readonly code: string
  constructor(code: string) {
    super(code.toLowerCase().replaceAll('_', ' '))
    this.code = code
  }
}

/**
 * Whether a connection, made with `rejectUnauthorized: false` and our authority alone as `ca`, leads to our control plane. Times are not
 * looked at: a Pi without a battery wakes up in 1970, and learns the time from this very connection. The authority is pinned, and whoever
 * has an old key of its server has the folder of the authority's own.
 *
 * @param authority PEM; may be several certificates.
 */
export function faultOfServer(socket: TLSSocket, authority: string): NotControlPlane | undefined {
  if (socket.authorized) return undefined
  const told = socket.authorizationError as unknown
  if (!TIME_FAULTS.has(told)) return new NotControlPlane(String(told ?? 'no certificate'))
  const shown = socket.getPeerX509Certificate() // OpenSSL tells one fault only: the rest is checked here
  return shown && isControlPlane(shown, authority) ? undefined : new NotControlPlane('UNABLE_TO_VERIFY_LEAF_SIGNATURE')
}

/** Everything about the certificate but its times. */
export function isControlPlane(shown: X509Certificate, authority: string): boolean {
  const names = { subject: 'never' } as const
  if (shown.ca || shown.checkHost(SERVER_NAME, names) === undefined || !shown.keyUsage?.includes(SERVER_AUTHENTICATION)) return false
  return authoritiesIn(authority).some((issuer) => issuer.ca && shown.checkIssued(issuer) && shown.verify(issuer.publicKey))
}

const authoritiesIn = (pem: string): readonly X509Certificate[] =>
  [...pem.matchAll(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)].map(([each]) => new X509Certificate(each))
