import { X509Certificate } from 'node:crypto'
import type { PeerCertificate } from 'node:tls'
import { keyFingerprint, NODE_GROUP, nodeUser } from '../pki/pki.ts'

const NODE_USER = nodeUser('')
const NODE_NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/

/**
 * The node that a verified client certificate was issued to, if to a node at all.
 * @see Source: Kubernetes node authorization: user `system:node:<name>` in group `system:nodes`.
 */
export function certifiedNode(certificate: PeerCertificate): string | undefined {
  const subject: { readonly CN?: string | string[]; readonly O?: string | string[] } | undefined = certificate.subject
  if (typeof subject?.CN !== 'string' || ![subject.O].flat().includes(NODE_GROUP) || !subject.CN.startsWith(NODE_USER)) return undefined
  const name = subject.CN.slice(NODE_USER.length)
  return NODE_NAME.test(name) ? name : undefined
}

/** Fingerprint of the key that the certificate was issued to. */
export const certifiedDevice = (certificate: Pick<PeerCertificate, 'raw'>): string => keyFingerprint(new X509Certificate(certificate.raw))
