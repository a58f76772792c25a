import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { DER, DerError, expectTag, oidText, partsOf, readDer, stringText } from './der.ts'

/** What a PKCS #10 request says of its sender. Source: RFC 2986. */
export interface CertificateRequest {
  readonly der: Uint8Array
  readonly publicKey: KeyObject
  readonly commonName: string
  readonly organizations: readonly string[]
}

/**
 * Reads a request and checks that its sender holds the key.
 *
 * @param base64 Of a PEM block, as `spec.request` has it.
 * @throws Error in the words of Go's x509 package.
 */
export function parseCertificateRequest(base64: string): CertificateRequest {
  const der = pemBody(Buffer.from(base64, 'base64').toString('latin1'))
  try {
    return read(der)
  } catch (error) {
    if (error instanceof DerError) throw new Error(error.message)
    throw error
  }
}

const PEM = /-----BEGIN ([^-\r\n]+)-----[ \t]*\r?\n([^-]*?)-----END \1-----/

function pemBody(text: string): Uint8Array {
  const [, type, body = ''] = PEM.exec(text) ?? []
  const lines = body.split(/\r?\n/).filter((line) => !line.includes(':')) // headers are of no interest
  const encoded = lines.join('').replace(/\s/g, '')
  if (type !== 'CERTIFICATE REQUEST' || !/^[A-Za-z0-9+/]+={0,2}$/.test(encoded))
    throw new Error('PEM block type must be CERTIFICATE REQUEST')
  return Buffer.from(encoded, 'base64')
}

const COMMON_NAME = '2.5.4.3'
const ORGANIZATION = '2.5.4.10'

function read(der: Uint8Array): CertificateRequest {
  const outer = readDer(der)
  if (outer.length !== 1) throw new DerError('asn1: syntax error: trailing data')
  const [info, algorithm, signature] = partsOf(outer[0], DER.sequence)
  const [version, subject, key] = partsOf(info, DER.sequence)
  expectTag(version, DER.integer)
  const [algorithmName] = partsOf(algorithm, DER.sequence)
  const senderKey = publicKey(expectTag(key, DER.sequence).whole)
  checkSignature(
    senderKey,
    oidText(expectTag(algorithmName, DER.oid)),
    info!.whole,
    wholeOctets(expectTag(signature, DER.bitString).content),
  )
  const names = partsOf(subject, DER.sequence)
    .flatMap((set) => partsOf(set, DER.set))
    .map((pair) => {
      const [name, value] = partsOf(pair, DER.sequence)
      return { name: oidText(expectTag(name, DER.oid)), value }
    })
  const valuesOf = (wanted: string): readonly string[] =>
    names.filter(({ name }) => name === wanted).map(({ value }) => stringText(value ?? { tag: 0, content: der, whole: der }))
  return { der, publicKey: senderKey, commonName: valuesOf(COMMON_NAME).at(-1) ?? '', organizations: valuesOf(ORGANIZATION) }
}

/** The first octet of a bit string counts the bits that do not belong to it. */
function wholeOctets(bits: Uint8Array): Uint8Array {
  if (bits[0] !== 0) throw new DerError('asn1: syntax error: invalid padding bits in BIT STRING')
  return bits.subarray(1)
}

const CURVES = ['prime256v1', 'secp384r1', 'secp521r1']

function publicKey(spki: Uint8Array): KeyObject {
  const key = readKey(spki)
  const curve = key.asymmetricKeyDetails?.namedCurve
  if (curve !== undefined && !CURVES.includes(curve)) throw new Error('x509: unsupported elliptic curve')
  return key
}

function readKey(spki: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
  } catch {
    throw new Error('x509: unknown or malformed public key')
  }
}

/** Names of hashes by signature algorithm; Ed25519 has none of its own. Source: RFC 8017, RFC 5758, RFC 8410. */
const ALGORITHMS: Readonly<Record<string, { readonly key: string; readonly hash: string | null; readonly fault: string }>> = {
  '1.2.840.113549.1.1.5': { key: 'rsa', hash: 'sha1', fault: 'crypto/rsa: verification error' },
  '1.2.840.113549.1.1.11': { key: 'rsa', hash: 'sha256', fault: 'crypto/rsa: verification error' },
  '1.2.840.113549.1.1.12': { key: 'rsa', hash: 'sha384', fault: 'crypto/rsa: verification error' },
  '1.2.840.113549.1.1.13': { key: 'rsa', hash: 'sha512', fault: 'crypto/rsa: verification error' },
  '1.2.840.10045.4.1': { key: 'ec', hash: 'sha1', fault: 'x509: ECDSA verification failure' },
  '1.2.840.10045.4.3.2': { key: 'ec', hash: 'sha256', fault: 'x509: ECDSA verification failure' },
  '1.2.840.10045.4.3.3': { key: 'ec', hash: 'sha384', fault: 'x509: ECDSA verification failure' },
  '1.2.840.10045.4.3.4': { key: 'ec', hash: 'sha512', fault: 'x509: ECDSA verification failure' },
  '1.3.101.112': { key: 'ed25519', hash: null, fault: 'x509: Ed25519 verification failure' },
}

function checkSignature(key: KeyObject, algorithm: string, signed: Uint8Array, signature: Uint8Array): void {
  const known = Object.hasOwn(ALGORITHMS, algorithm) ? ALGORITHMS[algorithm] : undefined
  if (!known) throw new Error('x509: cannot verify signature: algorithm unimplemented')
  if (key.asymmetricKeyType !== known.key)
    throw new Error(`x509: signature algorithm specifies an ${known.key} public key, but have public key of type ${key.asymmetricKeyType}`)
  if (!isSignedBy(key, known.hash, signed, signature)) throw new Error(known.fault)
}

/** A signature that is none at all is as wrong as a false one. */
function isSignedBy(key: KeyObject, hash: string | null, signed: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify(hash, signed, key, signature)
  } catch {
    return false
  }
}
