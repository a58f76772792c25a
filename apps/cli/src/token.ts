import { createHash, X509Certificate } from 'node:crypto'
import type { Secret } from '@bramble/api/types/core'
import { humanDuration } from '@bramble/api/duration'
import { isNodeName, NODE_NAME_RULE, parseNodeLabel, parseTaint } from '@bramble/api/node-words'
import {
  formatToken,
  isNetwork,
  newJoinToken,
  readToken,
  TOKEN_NAMESPACE,
  TOKEN_TYPE,
  tokenSecretName,
  type TokenTerms,
} from '@bramble/link/join-token'
import { systemClock } from '@bramble/reconcile/env'
import { parseServerConfig } from '../../control-plane/src/config.ts'
import { type Cluster, ClusterError, openCluster } from './cluster.ts'
import { UsageError } from './fail.ts'
import { installerLines } from './installer-line.ts'

const SECRETS = `/api/v1/namespaces/${TOKEN_NAMESPACE}/secrets`
const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Flags of `token create`, as they were typed. */
export interface TokenFlags {
  readonly ttl: string
  readonly uses: string
  readonly hostname?: string
  readonly serial?: string
  readonly label?: readonly string[]
  readonly taint?: readonly string[]
  readonly cidr?: readonly string[]
}

/** Prints one line that joins a machine, and one that installs Bramble on it before. */
export async function createToken(given: Record<string, unknown>, flags: TokenFlags): Promise<void> {
  const terms = {
    ttlMs: durationMs(flags.ttl),
    uses: wholeNumber(flags.uses),
    ...(flags.hostname !== undefined && { nodeName: flags.hostname }),
    ...(flags.serial !== undefined && { serial: flags.serial }),
    labels: flags.label ?? [],
    taints: flags.taint ?? [],
    cidrs: flags.cidr ?? [],
  }
  const cluster = openCluster(parseServerConfig(given).dataDirectory)
  const token = await mintToken(cluster, terms)
  const name = flags.hostname === undefined ? [] : ['--node-name', flags.hostname]
  console.log(['bramble agent --server', cluster.server, ...name, '--token', token].join(' '))
  console.log(await installerLines(cluster, [...name, '--token', token]))
}

/**
 * A new token, stored (hashed) in the cluster.
 *
 * @returns its text, which nothing can show again.
 * @throws UsageError with a line for each term that is no good.
 */
export async function mintToken(cluster: Cluster, terms: TokenTerms): Promise<string> {
  const problems = whatIsWrong(terms)
  if (problems.length > 0) throw new UsageError(problems.join('\n'))
  const { token, secret } = newJoinToken(terms, systemClock.nowMs())
  await cluster.call('POST', SECRETS, secret)
  return formatToken(authorityFingerprint(cluster.authority), token)
}

function whatIsWrong({ uses, nodeName, serial, labels = [], taints = [], cidrs = [] }: TokenTerms): readonly string[] {
  const complaint = (check: () => unknown): readonly string[] => {
    try {
      check()
      return []
    } catch (error) {
      return [(error as Error).message]
    }
  }
  return [
    ...(nodeName !== undefined && !isNodeName(nodeName) ? [`--hostname ${nodeName}: ${NODE_NAME_RULE}`] : []),
    ...(serial !== undefined && !/^[0-9a-fA-F]{8,16}$/.test(serial)
      ? [`--serial ${serial}: must be the serial number of a board, 8 to 16 hexadecimal digits, as in /proc/cpuinfo`]
      : []),
    ...((nodeName ?? serial) !== undefined && uses !== 1 ? ['--uses: a token for one node is good for one machine; leave it out'] : []),
    ...labels.flatMap((label) => complaint(() => parseNodeLabel(label))),
    ...taints.flatMap((taint) => complaint(() => parseTaint(taint))),
    ...cidrs.filter((cidr) => !isNetwork(cidr)).map((cidr) => `--cidr ${cidr}: must be a network such as 192.168.1.0/24`),
  ]
}

export async function listTokens(given: Record<string, unknown>): Promise<void> {
  const cluster = openCluster(parseServerConfig(given).dataDirectory)
  const { items } = await cluster.call<{ items: Secret[] }>('GET', `${SECRETS}?fieldSelector=${encodeURIComponent(`type=${TOKEN_TYPE}`)}`)
  const rows = items.map((secret) => {
    const { expiration, uses, usedBy, nodeName, serial, labels, taints, cidrs } = readToken(secret)
    const leftMs = Date.parse(expiration) - systemClock.nowMs()
    return [
      secret.metadata.name.slice(tokenSecretName('').length),
      leftMs > 0 ? humanDuration(leftMs) : 'expired',
      `${usedBy.length}/${uses}`,
      usedBy.map((use) => use.split('=')[0]).join(',') || '<none>',
      nodeName || serial || '<any>',
      cidrs.join(',') || '<anywhere>',
      [...labels, ...taints].join(',') || '<none>',
    ]
  })
  printTable([['ID', 'TTL', 'USED', 'NODES', 'FOR', 'FROM', 'GIVES'], ...rows])
}

export async function deleteToken(given: Record<string, unknown>, id: string): Promise<void> {
  try {
    await removeToken(openCluster(parseServerConfig(given).dataDirectory), id)
  } catch (error) {
    if (error instanceof ClusterError && error.code === 404)
      throw new UsageError(`no token has the id "${id}"; "bramble token list" shows them`)
    throw error
  }
  console.log(`token "${id}" deleted`)
}

/** @throws ClusterError with code 404 when there is none. */
export async function removeToken(cluster: Cluster, id: string): Promise<void> {
  await cluster.call('DELETE', `${SECRETS}/${tokenSecretName(encodeURIComponent(id))}`)
}

export const authorityFingerprint = (pem: string): string =>
  createHash('sha256')
    .update(new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')

/** @throws UsageError naming the flag. */
export function durationMs(text: string, flag = '--ttl'): number {
  const match = /^(\d{1,6})([smhd])$/.exec(text)
  const ms = match ? Number(match[1]) * UNIT_MS[match[2]!]! : 0
  if (ms <= 0) throw new UsageError(`${flag} ${text}: must be a number with s, m, h or d, e.g. 24h`)
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
