import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { BlockList, isIP } from 'node:net'
import { mutableCopy, type NewObject } from '@bramble/api/object'
import { timestamp } from '@bramble/api/duration'
import type { Secret } from '@bramble/api/types/core'

// A join token is a Secret in kube-system, so that `bramble token` is an API client like any other.
// Only a hash of its secret part is kept; the text is shown once.

export const TOKEN_NAMESPACE = 'kube-system'
export const TOKEN_TYPE = 'bramble.dev/join-token'
export const tokenSecretName = (id: string): string => `join-token-${id}`

export interface JoinToken {
  /** Six letters and digits. */
  readonly id: string
  readonly secret: string
}

/** `b1.<SHA-256 of the authority's public key>.<id>.<secret>`: what a person pastes on a node. */
export const formatToken = (authorityFingerprint: string, { id, secret }: JoinToken): string => `b1.${authorityFingerprint}.${id}.${secret}`

/** `<id>.<secret>`, as it goes over the wire; undefined when it is none. */
export function parseWireToken(text: string): JoinToken | undefined {
  const match = /^([a-z0-9]{6})\.([A-Za-z0-9_-]{32})$/.exec(text)
  return match ? { id: match[1]!, secret: match[2]! } : undefined
}

/** What a token is good for. */
export interface TokenTerms {
  readonly ttlMs: number
  /** How many nodes may join with it. */
  readonly uses: number
  /** Only a node of this name may join with it. */
  readonly nodeName?: string
  /** Only the board with this serial number may: hexadecimal, all of it or the last eight digits. */
  readonly serial?: string
  /** `key=value`: what the node is labelled with when it joins. */
  readonly labels?: readonly string[]
  /** `key=value:Effect`. */
  readonly taints?: readonly string[]
  /** Networks such as 192.168.1.0/24 from which it may be used. */
  readonly cidrs?: readonly string[]
}

/** The terms have been checked by who asked for them. */
export function newJoinToken(terms: TokenTerms, nowMs: number): { readonly token: JoinToken; readonly secret: NewObject<Secret> } {
  const token = { id: randomBytes(3).toString('hex'), secret: randomBytes(24).toString('base64url') }
  const { ttlMs, uses, nodeName = '', serial = '', labels = [], taints = [], cidrs = [] } = terms
  const bounds = { 'node-name': nodeName, serial, labels: labels.join(','), taints: taints.join(','), cidrs: cidrs.join(',') }
  return {
    token,
    secret: {
      apiVersion: 'v1',
      kind: 'Secret',
      type: TOKEN_TYPE,
      metadata: { name: tokenSecretName(token.id), namespace: TOKEN_NAMESPACE },
      data: encode({
        hash: hashOf(token.secret),
        expiration: timestamp(nowMs + ttlMs),
        uses: String(uses),
        'used-by': '',
        ...Object.fromEntries(Object.entries(bounds).filter(([, text]) => text !== '')),
      }),
    },
  }
}

export type TokenVerdict =
  /** Good; `record` is the Secret with this use counted, undefined when the same device has used it before. */
  { readonly ok: true; readonly record: Secret | undefined } | { readonly ok: false; readonly why: string }

/** Who wants to join. */
export interface Joiner {
  readonly nodeName: string
  /** Fingerprint of the device key. */
  readonly device: string
  /** Of the board, hexadecimal; empty where there is none. */
  readonly serial?: string
  /** IP address that the request came from; undefined when it is not known. */
  readonly address?: string
}

/** Whether a device may join with a token. The same device may repeat its use: its first answer may have been lost. */
export function redeem(secret: Secret | undefined, token: JoinToken, joiner: Joiner, nowMs: number): TokenVerdict {
  if (!secret || !isTokenOf(secret, token)) return { ok: false, why: WRONG_TOKEN }
  const facts = readToken(secret)
  const { expiration, uses, usedBy } = facts
  const why = whyBoundElsewhere(facts, joiner)
  if (why !== undefined) return { ok: false, why }
  const use = `${joiner.nodeName}=${joiner.device}`
  if (usedBy.includes(use)) return { ok: true, record: undefined }
  if (!(Date.parse(expiration) > nowMs))
    return { ok: false, why: `the join token expired at ${expiration}; create one with "bramble token create"` }
  if (!(usedBy.length < uses))
    return { ok: false, why: `the join token is used up (${usedBy.length} of ${uses}); create one with "bramble token create"` }
  const record = mutableCopy(secret)
  record.data = { ...record.data, ...encode({ 'used-by': [...usedBy, use].join(',') }) }
  return { ok: true, record }
}

function whyBoundElsewhere({ nodeName, serial, cidrs }: TokenFacts, joiner: Joiner): string | undefined {
  if (nodeName !== '' && nodeName !== joiner.nodeName)
    return `the join token is for a node named "${nodeName}", and this one calls itself "${joiner.nodeName}"; create one for it with "bramble token create --hostname ${joiner.nodeName}"`
  if (serial !== '' && !isSerialOf(serial, joiner.serial ?? ''))
    return `the join token is for the board with serial ${serial}, and this one has ${joiner.serial || 'none that can be read'}; create one for it with "bramble token create"`
  if (cidrs.length > 0 && !isAddressWithin(joiner.address, cidrs))
    return `the join token may be used from ${cidrs.join(', ')}, and this request came from ${joiner.address ?? 'an unknown address'}; create one with "bramble token create --cidr …"`
  return undefined
}

/** Whether `expected` names the board: all digits of its serial, or the last eight, which is what its host name has. */
export function isSerialOf(expected: string, serial: string): boolean {
  const [given, full] = [expected, serial].map((text) => text.toLowerCase().replace(/^0+/, '')) as [string, string]
  return full !== '' && (given === full || (expected.length === 8 && serial.toLowerCase().endsWith(expected.toLowerCase())))
}

/** Whether the text is an IPv4 or IPv6 network such as 192.168.1.0/24. */
export function isNetwork(text: string): boolean {
  const [address = '', bits = '', ...rest] = text.split('/')
  const family = isIP(address)
  return family !== 0 && rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128)
}

/** What cannot be read as a network lets nobody in. */
function isAddressWithin(address: string | undefined, cidrs: readonly string[]): boolean {
  const plain = address?.replace(/^::ffff:(?=\d+\.)/i, '') ?? ''
  const list = new BlockList()
  for (const cidr of cidrs.filter(isNetwork)) {
    const [network = '', bits = ''] = cidr.split('/')
    list.addSubnet(network, Number(bits), isIP(network) === 4 ? 'ipv4' : 'ipv6')
  }
  return isIP(plain) !== 0 && list.check(plain, isIP(plain) === 4 ? 'ipv4' : 'ipv6')
}

export const WRONG_TOKEN = 'the join token is wrong or has been deleted; create one with "bramble token create"'

/** Whether the Secret is the record of this very token, used up or not. */
export function isTokenOf(secret: Secret | undefined, token: JoinToken): boolean {
  if (secret?.type !== TOKEN_TYPE) return false
  const given = Buffer.from(hashOf(token.secret))
  const expected = Buffer.from(readToken(secret).hash)
  return given.length === expected.length && timingSafeEqual(given, expected)
}

export interface TokenFacts {
  readonly hash: string
  readonly expiration: string
  readonly uses: number
  /** `<node>=<device fingerprint>` of each node that joined with it, or that waits for approval. */
  readonly usedBy: readonly string[]
  /** Empty: any. */
  readonly nodeName: string
  /** Empty: any. */
  readonly serial: string
  readonly labels: readonly string[]
  readonly taints: readonly string[]
  /** Empty: from anywhere. */
  readonly cidrs: readonly string[]
}
export function readToken(secret: Secret): TokenFacts {
  const field = (name: string): string => Buffer.from(secret.data?.[name] ?? '', 'base64').toString()
  const list = (name: string): readonly string[] =>
    field(name)
      .split(',')
      .filter((item) => item !== '')
  return {
    hash: field('hash'),
    expiration: field('expiration'),
    uses: Number(field('uses')),
    usedBy: list('used-by'),
    nodeName: field('node-name'),
    serial: field('serial'),
    labels: list('labels'),
    taints: list('taints'),
    cidrs: list('cidrs'),
  }
}

const encode = (fields: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, Buffer.from(value).toString('base64')]))
const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex')

/**
 * The parts of a pasted token.
 * @throws Error that says what to paste when it is none.
 */
export function parseToken(text: string): { readonly authorityFingerprint: string; readonly wireToken: string } {
  const match = /^b1\.([0-9a-f]{64})\.([a-z0-9]{6}\.[A-Za-z0-9_-]{32})$/.exec(text.trim())
  if (!match)
    throw new Error(
      'the join token is malformed (it starts with "b1." and has four parts); paste the whole line that "bramble token create" printed on the control plane',
    )
  return { authorityFingerprint: match[1]!, wireToken: match[2]! }
}
