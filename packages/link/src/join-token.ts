import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
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

/** @param ttlMs How long it is good, milliseconds. @param uses How many nodes may join with it. */
export function newJoinToken(
  ttlMs: number,
  uses: number,
  nowMs: number,
): { readonly token: JoinToken; readonly secret: NewObject<Secret> } {
  const token = { id: randomBytes(3).toString('hex'), secret: randomBytes(24).toString('base64url') }
  return {
    token,
    secret: {
      apiVersion: 'v1',
      kind: 'Secret',
      type: TOKEN_TYPE,
      metadata: { name: tokenSecretName(token.id), namespace: TOKEN_NAMESPACE },
      data: encode({ hash: hashOf(token.secret), expiration: timestamp(nowMs + ttlMs), uses: String(uses), 'used-by': '' }),
    },
  }
}

export type TokenVerdict =
  /** Good; `record` is the Secret with this use counted, undefined when the same device has used it before. */
  { readonly ok: true; readonly record: Secret | undefined } | { readonly ok: false; readonly why: string }

/**
 * Whether a device may join with a token. The same device may repeat its use: its first answer may have been lost.
 *
 * @param device Fingerprint of the device key.
 */
export function redeem(secret: Secret | undefined, token: JoinToken, nodeName: string, device: string, nowMs: number): TokenVerdict {
  if (!secret || !isTokenOf(secret, token)) return { ok: false, why: WRONG_TOKEN }
  const { expiration, uses, usedBy } = readToken(secret)
  const use = `${nodeName}=${device}`
  if (usedBy.includes(use)) return { ok: true, record: undefined }
  if (Date.parse(expiration) <= nowMs)
    return { ok: false, why: `the join token expired at ${expiration}; create one with "bramble token create"` }
  if (usedBy.length >= uses)
    return { ok: false, why: `the join token is used up (${uses} of ${uses}); create one with "bramble token create"` }
  const record = mutableCopy(secret)
  record.data = { ...record.data, ...encode({ 'used-by': [...usedBy, use].join(',') }) }
  return { ok: true, record }
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
  /** `<node>=<device fingerprint>` of each node that joined with it. */
  readonly usedBy: readonly string[]
}
export function readToken(secret: Secret): TokenFacts {
  const field = (name: string): string => Buffer.from(secret.data?.[name] ?? '', 'base64').toString()
  return {
    hash: field('hash'),
    expiration: field('expiration'),
    uses: Number(field('uses')),
    usedBy: field('used-by')
      .split(',')
      .filter((use) => use !== ''),
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
