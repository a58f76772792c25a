import { createHash, X509Certificate } from 'node:crypto'
import type { Secret } from '@bramble/api/types/core'
import { humanDuration } from '@bramble/api/duration'
import { formatToken, newJoinToken, readToken, TOKEN_NAMESPACE, TOKEN_TYPE, tokenSecretName } from '@bramble/link/join-token'
import { systemClock } from '@bramble/reconcile/env'
import { parseServerConfig } from '../../control-plane/src/config.ts'
import { type Cluster, ClusterError, openCluster } from './cluster.ts'
import { UsageError } from './fail.ts'

const SECRETS = `/api/v1/namespaces/${TOKEN_NAMESPACE}/secrets`
const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Prints one line that joins a machine. */
export async function createToken(given: Record<string, unknown>, options: { readonly ttl: string; readonly uses: string }): Promise<void> {
  const [ttlMs, uses] = [durationMs(options.ttl), wholeNumber(options.uses)]
  const cluster = openCluster(parseServerConfig(given).dataDirectory)
  const token = await mintToken(cluster, ttlMs, uses)
  console.log(`bramble agent --server ${cluster.server} --token ${token}`)
}

/** A new token, stored (hashed) in the cluster. @returns its text, which nothing can show again. */
export async function mintToken(cluster: Cluster, ttlMs: number, uses: number): Promise<string> {
  const { token, secret } = newJoinToken(ttlMs, uses, systemClock.nowMs())
  await cluster.call('POST', SECRETS, secret)
  return formatToken(authorityFingerprint(cluster.authority), token)
}

export async function listTokens(given: Record<string, unknown>): Promise<void> {
  const cluster = openCluster(parseServerConfig(given).dataDirectory)
  const { items } = await cluster.call<{ items: Secret[] }>('GET', `${SECRETS}?fieldSelector=${encodeURIComponent(`type=${TOKEN_TYPE}`)}`)
  const rows = items.map((secret) => {
    const { expiration, uses, usedBy } = readToken(secret)
    const leftMs = Date.parse(expiration) - systemClock.nowMs()
    return [
      secret.metadata.name.slice(tokenSecretName('').length),
      leftMs > 0 ? humanDuration(leftMs) : 'expired',
      `${usedBy.length}/${uses}`,
      usedBy.map((use) => use.split('=')[0]).join(',') || '<none>',
    ]
  })
  printTable([['ID', 'TTL', 'USED', 'NODES'], ...rows])
}

export async function deleteToken(given: Record<string, unknown>, id: string): Promise<void> {
  const cluster = openCluster(parseServerConfig(given).dataDirectory)
  try {
    await cluster.call('DELETE', `${SECRETS}/${tokenSecretName(encodeURIComponent(id))}`)
  } catch (error) {
    if (error instanceof ClusterError && error.code === 404)
      throw new UsageError(`no token has the id "${id}"; "bramble token list" shows them`)
    throw error
  }
  console.log(`token "${id}" deleted`)
}

export const authorityFingerprint = (pem: string): string =>
  createHash('sha256')
    .update(new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')

function durationMs(text: string): number {
  const match = /^(\d{1,6})([smhd])$/.exec(text)
  const ms = match ? Number(match[1]) * UNIT_MS[match[2]!]! : 0
  if (ms <= 0) throw new UsageError(`--ttl ${text}: must be a number with s, m, h or d, e.g. 24h`)
  return ms
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new UsageError(`--uses ${text}: must be a whole number from 1 to 99999`)
  return Number(text)
}

export function printTable(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  for (const row of rows)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('   ')
        .trimEnd(),
    )
}
