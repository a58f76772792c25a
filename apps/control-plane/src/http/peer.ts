import type { TLSSocket } from 'node:tls'
import type { Credentials } from '../auth/authenticate.ts'
import type { HttpContext } from './http-env.ts'

/** What the connection of a request proves about its client. */
export function peerCredentials(c: HttpContext): Credentials {
  const authorization = c.req.header('authorization')
  const socket = c.env?.incoming?.socket as Partial<TLSSocket> | undefined
  const certificate = socket?.getPeerCertificate?.()
  const hasCertificate = certificate !== undefined && Object.keys(certificate).length > 0
  return {
    ...(hasCertificate && { certificate: { verified: socket!.authorized === true, commonName: first(certificate.subject?.CN), organizations: all(certificate.subject?.O) } }),
    ...(authorization !== undefined && { authorization }),
  }
}

// Node gives a name that occurs once as text, several as a list.
const all = (value: string | readonly string[] | undefined): readonly string[] => (value === undefined ? [] : typeof value === 'string' ? [value] : value)
const first = (value: string | readonly string[] | undefined): string => all(value)[0] ?? ''
