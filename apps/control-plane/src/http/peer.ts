import type { Http2ServerRequest } from 'node:http2'
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { bearerToken, type Credentials } from '../auth/authenticate.ts'

type Certificate = Credentials['certificate']

/** Node's own request, as far as it says who is at the other end. */
export type Incoming = IncomingMessage | Http2ServerRequest

/**
 * Reads what a request and its connection prove about the client; a certificate is parsed once per connection.
 * The token is that of the `Authorization` header. Without a connection, as in tests, there is no certificate.
 */
export function peerReader(): (authorization: string | undefined, incoming: Incoming | undefined) => Credentials {
  const known = new WeakMap<object, { readonly certificate: Certificate }>()
  return (authorization, incoming) => {
    const token = bearerToken(authorization)
    const shown = token === undefined ? {} : { token }
    if (!incoming) return shown
    const connection = ('stream' in incoming && incoming.stream.session) || incoming.socket
    const { certificate } = known.get(connection) ?? { certificate: readCertificate(incoming.socket as Partial<TLSSocket>) }
    known.set(connection, { certificate })
    return { ...(certificate && { certificate }), ...shown }
  }
}

function readCertificate(socket: Partial<TLSSocket>): Certificate {
  const { subject, ...rest } = socket.getPeerCertificate?.() ?? {}
  if (subject === undefined && Object.keys(rest).length === 0) return undefined
  return { verified: socket.authorized === true, commonName: all(subject?.CN)[0] ?? '', organizations: all(subject?.O) }
}

/** Node gives a name that occurs once as text, several as a list. */
const all = (value: string | readonly string[] | undefined): readonly string[] =>
  value === undefined ? [] : typeof value === 'string' ? [value] : value
