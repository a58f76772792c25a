import { generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto'
import { Worker } from 'node:worker_threads'

/** PEM texts of a certificate and its EC P-256 private key (PKCS #8). */
export interface KeyPair {
  readonly certificate: string
  readonly key: string
}

/** What the signing worker is asked for. */
export interface CertificateOrder {
  readonly commonName: string
  readonly organization?: string
  /** Absent: self-signed certificate authority. */
  readonly issuer?: KeyPair
  readonly usage: 'server' | 'client' | 'authority'
  readonly names: readonly string[]
  readonly addresses: readonly string[]
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** Hex. */
  readonly serialNumber: string
  /** Public key to certify, PEM (SPKI); or a PKCS #10 request, DER, that carries it and proves its possession. */
  readonly publicKey?: string
  readonly csr?: Uint8Array
  /** Of a request: its subject and alternative names are certified as they are, instead of those above. */
  readonly isAsRequested?: boolean
  /** Beside signatures: keys may be encrypted with it. */
  readonly isForKeyEncipherment?: boolean
  /** Of a self-signed authority. */
  readonly ownKey?: string
}

const DAY_MS = 86_400_000
const AUTHORITY_DAYS = 3650
export const SERVER_DAYS = 365
export const CLIENT_DAYS = 365
const SIGN_LIMIT_MS = 20_000
/** Beside this file, or beside the bundle that it is part of. */
const WORKER = import.meta.url.endsWith('.ts') ? './certificate-worker.ts' : './certificate-worker.js'

/**
 * Valid from long ago: a Pi without a battery-backed clock may boot years in the past and must still be able to
 * verify its server; how long a certificate lasts is bounded by its end.
 */
const NOT_BEFORE_MS = Date.UTC(2020, 0, 1)

/** A new certificate authority. @param commonName Shown in certificates, e.g. `bramble-ca`. */
export async function makeAuthority(commonName: string, nowMs: number): Promise<KeyPair> {
  const { publicKey, privateKey } = newKey()
  const certificate = await sign({
    commonName,
    usage: 'authority',
    names: [],
    addresses: [],
    publicKey,
    ownKey: privateKey,
    ...validity(nowMs, AUTHORITY_DAYS),
  })
  return { certificate, key: privateKey }
}

/** A server certificate with a new key, for DNS names and IP addresses. */
export async function issueServer(
  issuer: KeyPair,
  names: readonly string[],
  addresses: readonly string[],
  nowMs: number,
): Promise<KeyPair> {
  const { publicKey, privateKey } = newKey()
  const certificate = await sign({
    commonName: names[0] ?? 'bramble',
    usage: 'server',
    issuer,
    names,
    addresses,
    publicKey,
    ...validity(nowMs, SERVER_DAYS),
  })
  return { certificate, key: privateKey }
}

/** A client certificate with a new key. Source: Kubernetes x509 client certificates: CN is the user, O the group. */
export async function issueClient(issuer: KeyPair, user: string, group: string, nowMs: number): Promise<KeyPair> {
  const { publicKey, privateKey } = newKey()
  const certificate = await sign({
    commonName: user,
    organization: group,
    usage: 'client',
    issuer,
    names: [],
    addresses: [],
    publicKey,
    ...validity(nowMs, CLIENT_DAYS),
  })
  return { certificate, key: privateKey }
}

/**
 * A client certificate for the key of a PKCS #10 request. What the request asks for besides its key is ignored.
 * @param csr DER. @returns PEM. @throws Error when the request is none or its signature is wrong.
 */
export const certifyClient = (issuer: KeyPair, csr: Uint8Array, user: string, group: string, nowMs: number): Promise<string> =>
  sign({ commonName: user, organization: group, usage: 'client', issuer, names: [], addresses: [], csr, ...validity(nowMs, CLIENT_DAYS) })

/** Clocks of machines differ. */
const BACKDATE_MS = 5 * 60_000

export interface RequestedCertificate {
  /** PKCS #10, DER. */
  readonly csr: Uint8Array
  readonly durationMs: number
  readonly isForKeyEncipherment: boolean
}

/**
 * A client certificate for the key, the subject and the alternative names of a PKCS #10 request; it does not outlive the
 * authority.
 * @returns PEM. @throws Error when the request is none or its signature is wrong.
 */
export const certifyRequest = (
  issuer: KeyPair,
  { csr, durationMs, isForKeyEncipherment }: RequestedCertificate,
  nowMs: number,
): Promise<string> =>
  sign({
    commonName: '',
    usage: 'client',
    issuer,
    names: [],
    addresses: [],
    csr,
    isAsRequested: true,
    isForKeyEncipherment,
    notBeforeMs: nowMs - BACKDATE_MS,
    notAfterMs: Math.min(nowMs + durationMs, new X509Certificate(issuer.certificate).validToDate.getTime()),
    serialNumber: newSerialNumber(),
  })

const validity = (nowMs: number, days: number): Pick<CertificateOrder, 'notBeforeMs' | 'notAfterMs' | 'serialNumber'> => ({
  notBeforeMs: Math.min(NOT_BEFORE_MS, nowMs),
  notAfterMs: Math.max(nowMs, NOT_BEFORE_MS) + days * DAY_MS,
  serialNumber: newSerialNumber(),
})

const newSerialNumber = (): string => `00${randomBytes(15).toString('hex')}` // positive

function newKey(): { readonly publicKey: string; readonly privateKey: string } {
  return generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
}

function sign(order: CertificateOrder): Promise<string> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(WORKER, import.meta.url), { workerData: order })
    const limit = AbortSignal.timeout(SIGN_LIMIT_MS)
    limit.addEventListener(
      'abort',
      () => {
        void worker.terminate()
        reject(new Error(`signing a certificate took more than ${SIGN_LIMIT_MS / 1000} s`))
      },
      { once: true },
    )
    worker.once('message', (pem: string) => {
      resolve(`${pem.trimEnd()}\n`)
      void worker.terminate()
    })
    worker.once('error', reject)
  })
}
