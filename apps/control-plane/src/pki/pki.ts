import { createHash, X509Certificate } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '@bramble/reconcile/env'
import {
  certifyClient,
  certifyRequest,
  issueClient,
  issueServer,
  type KeyPair,
  makeAuthority,
  type RequestedCertificate,
} from './certificates.ts'
import { writeDurably } from './write-durably.ts'

const RENEW_BEFORE_MS = 60 * 86_400_000
/** The name that nodes ask for, whatever address they dial. */
export const SERVER_NAME = 'bramble-control-plane'
export const ADMIN_USER = 'bramble-admin'
export const NODE_GROUP = 'system:nodes'
export const nodeUser = (nodeName: string): string => `system:node:${nodeName}`

/** The cluster's certificate authority and what it issued to this control plane. */
export interface Pki {
  /** PEM. */
  readonly authority: string
  readonly server: KeyPair
  readonly admin: KeyPair
  /** When the first of them runs out, epoch milliseconds. */
  readonly expiresMs: number
  /** @returns PEM of a client certificate for the node. @throws Error when the request is malformed. */
  certifyNode(nodeName: string, csr: Uint8Array): Promise<string>
  /** @returns PEM of a client certificate as it was asked for. @throws Error when the request is malformed. */
  certifyRequest(request: RequestedCertificate): Promise<string>
}

/**
 * Reads the keys below `folder`, makes what is missing, and renews what runs out within 60 days or lacks a name.
 * Keys are files of mode 0600 in a folder of mode 0700. Safe to be killed at any point: an authority without its
 * certificate is made anew, one with both is never replaced.
 */
export async function openPki(folder: string, names: readonly string[], addresses: readonly string[], clock: Clock): Promise<Pki> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const nowMs = clock.nowMs()
  const authority = (await readPair(folder, 'ca')) ?? (await writePair(folder, 'ca', await makeAuthority('bramble-ca', nowMs)))
  const wanted = [...new Set([SERVER_NAME, ...names])]
  const kept = await readPair(folder, 'server')
  const server =
    kept && isGood(kept, authority, nowMs) && covers(kept, wanted, addresses)
      ? kept
      : await writePair(folder, 'server', await issueServer(authority, wanted, addresses, nowMs))
  const keptAdmin = await readPair(folder, 'admin')
  const admin =
    keptAdmin && isGood(keptAdmin, authority, nowMs)
      ? keptAdmin
      : await writePair(folder, 'admin', await issueClient(authority, ADMIN_USER, 'system:masters', nowMs))
  return {
    authority: authority.certificate,
    server,
    admin,
    expiresMs: Math.min(...[server, admin].map(({ certificate }) => new X509Certificate(certificate).validToDate.getTime())),
    certifyNode: (nodeName, csr) => certifyClient(authority, csr, nodeUser(nodeName), NODE_GROUP, clock.nowMs()),
    certifyRequest: (request) => certifyRequest(authority, request, clock.nowMs()),
  }
}

/** SHA-256 of a certificate's public key (SPKI), hex: what a join token carries and a device is known by. */
export const keyFingerprint = (certificate: X509Certificate): string =>
  createHash('sha256')
    .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')

/** Of a certificate's public key, as curl's `--pinnedpubkey` takes it. @param certificate PEM. */
export const publicKeyPin = (certificate: string): string =>
  `sha256//${Buffer.from(keyFingerprint(new X509Certificate(certificate)), 'hex').toString('base64')}`

const isGood = ({ certificate }: KeyPair, authority: KeyPair, nowMs: number): boolean => {
  const parsed = new X509Certificate(certificate)
  return parsed.verify(new X509Certificate(authority.certificate).publicKey) && parsed.validToDate.getTime() - nowMs > RENEW_BEFORE_MS
}

function covers({ certificate }: KeyPair, names: readonly string[], addresses: readonly string[]): boolean {
  const parsed = new X509Certificate(certificate)
  return names.every((name) => parsed.checkHost(name) !== undefined) && addresses.every((address) => parsed.checkIP(address) !== undefined)
}

async function readPair(folder: string, name: string): Promise<KeyPair | undefined> {
  try {
    const [certificate, key] = await Promise.all([
      readFile(join(folder, `${name}.crt`), 'utf8'),
      readFile(join(folder, `${name}.key`), 'utf8'),
    ])
    return { certificate, key }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** The key first: a certificate on the disk always has its key beside it. */
async function writePair(folder: string, name: string, pair: KeyPair): Promise<KeyPair> {
  await writeDurably(join(folder, `${name}.key`), pair.key, 0o600)
  await writeDurably(join(folder, `${name}.crt`), pair.certificate, 0o644)
  return pair
}
