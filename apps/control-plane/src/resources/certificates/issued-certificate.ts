import { X509Certificate } from 'node:crypto'

const BLOCK = /-----BEGIN ([^-\r\n]+)-----\s*([^-]*?)-----END \1-----/g

/** What is wrong with an issued certificate: it must be CERTIFICATE blocks of PEM, nothing else. @param base64 Of the PEM. */
export function certificateFault(base64: string): string | undefined {
  const blocks = [...Buffer.from(base64, 'base64').toString('latin1').matchAll(BLOCK)]
  if (blocks.length === 0) return 'must contain at least one CERTIFICATE PEM block'
  for (const [whole, type, body = ''] of blocks) {
    if (type !== 'CERTIFICATE') return `only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(type)}`
    if (body.includes(':')) return 'no PEM block headers are permitted'
    try {
      new X509Certificate(whole)
    } catch {
      return 'x509: malformed certificate'
    }
  }
  return undefined
}
