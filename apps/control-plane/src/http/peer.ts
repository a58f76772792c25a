import type { TLSSocket } from 'node:tls'
import type { Credentials } from '../auth/authenticate.ts'
import type { HttpContext } from './http-env.ts'

type Certificate = Credentials['certificate']

/** Reads what the connection of a request proves about its client; a certificate is parsed once per connection. */
export function peerReader(): (c: HttpContext) => Credentials {
  const known = new WeakMap<object, { readonly certificate: Certificate }>()
  return (c) => {
    const authorization = c.req.header('authorization')
    const incoming = c.env?.incoming
    if (!incoming) return { ...(authorization !== undefined && { authorization }) }
    const connection = ('stream' in incoming && incoming.stream.session) || incoming.socket
    const { certificate } = known.get(connection) ?? { certificate: readCertificate(incoming.socket as Partial<TLSSocket>) }
    known.set(connection, { certificate })
    return { ...(certificate && { certificate }), ...(authorization !== undefined && { authorization }) }
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
