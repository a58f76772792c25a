import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// Requests made by OpenSSL, as people make them.

export type KeySort = 'P-256' | 'P-384' | 'RSA' | 'Ed25519' | 'secp256k1'

/** PEM of a new private key (PKCS #8). */
export function newKey(sort: KeySort = 'P-256'): string {
  const privateKeyEncoding = { format: 'pem', type: 'pkcs8' } as const
  const publicKeyEncoding = { format: 'pem', type: 'spki' } as const
  if (sort === 'RSA') return generateKeyPairSync('rsa', { modulusLength: 2048, privateKeyEncoding, publicKeyEncoding }).privateKey
  if (sort === 'Ed25519') return generateKeyPairSync('ed25519', { privateKeyEncoding, publicKeyEncoding }).privateKey
  return generateKeyPairSync('ec', { namedCurve: sort, privateKeyEncoding, publicKeyEncoding }).privateKey
}

/** PEM of a request. @param subject e.g. `/O=dev/CN=jane`. */
export function requestPem(subject: string, key = newKey(), options: readonly string[] = []): string {
  const folder = mkdtempSync(join(tmpdir(), 'bramble-request-'))
  try {
    writeFileSync(join(folder, 'key'), key, { mode: 0o600 })
    return execFileSync('openssl', ['req', '-new', '-key', join(folder, 'key'), '-subj', subject, ...options], { encoding: 'utf8' })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

export const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** `spec.request` of a CertificateSigningRequest. */
export const requestOf = (subject: string, key?: string): string => base64(requestPem(subject, key))
