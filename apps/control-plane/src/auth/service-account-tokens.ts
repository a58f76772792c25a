import { createHash, createPrivateKey, createPublicKey, type KeyObject, randomUUID, sign } from 'node:crypto'
import type { JsonObject } from '@bramble/api/object'
import type { ServiceAccount } from '@bramble/api/types/core'
import type { Env } from '@bramble/reconcile/env'
import type { ApiClient } from '../api/client.ts'
import type { UserInfo } from '../api/requests.ts'
import { accountUser } from './account-names.ts'
import {
  type Bound,
  accountClaims,
  ISSUER,
  payloadOf,
  readClaims,
  secretPayload,
  type TokenClaims,
  userOfClaims,
} from './service-account-claims.ts'
import { isStanding, LEEWAY_SECONDS } from './token-standing.ts'

const ALGORITHM = 'ES256'
/** Verified tokens that are remembered, so that their signatures are looked at once. */
const KNOWN_MAX = 1_000
const TOKEN_CHARACTERS_MAX = 16_384

export interface TokenOptions {
  /** PEM (PKCS #8) of an EC P-256 key; asked for once, when the first token is made or shown. */
  readonly signingKey: () => Promise<string>
  readonly reads: Pick<ApiClient, 'get'>
  readonly env: Pick<Env, 'clock' | 'uuid'>
  /** Where others find the public key, e.g. `https://192.0.2.1:6443/openid/v1/jwks`. */
  readonly keySetUrl: string
}

/** Whom a token stands for. */
export interface VerifiedToken {
  readonly user: UserInfo
  /** Those of the audiences asked for that the token is meant for. */
  readonly audiences: readonly string[]
}

/** Makes tokens without waiting for anything. */
export interface TokenIssuer {
  /** @param audiences Whom the token is meant for. @param lifeSeconds From now on. */
  issue(account: ServiceAccount, bound: Bound, audiences: readonly string[], lifeSeconds: number): string
}

interface Known {
  readonly claims: TokenClaims
  readonly user: UserInfo
}
interface Key {
  readonly id: string
  readonly secret: KeyObject
  readonly open: KeyObject
}

/**
 * Makes and checks the tokens of ServiceAccounts. A token is worth something as long as it is in date and the ServiceAccount,
 * and the object it is bound to, are the ones it was made for: deleting them revokes it at once.
 *
 * @see Source: Kubernetes documentation, "Managing Service Accounts", Bound service account tokens.
 */
export class ServiceAccountTokens {
  readonly #options: TokenOptions
  readonly #known = new Map<string, Known>()
  #key: Promise<Key> | undefined

  constructor(options: TokenOptions) {
    this.#options = options
  }

  async issue(...[account, bound, audiences, lifeSeconds]: Parameters<TokenIssuer['issue']>): Promise<string> {
    return (await this.issuer()).issue(account, bound, audiences, lifeSeconds)
  }

  /** Reads the key, if that has not been done. */
  async issuer(): Promise<TokenIssuer> {
    const key = await this.#keys()
    const { clock, uuid = randomUUID } = this.#options.env
    return {
      issue: (account, bound, audiences, lifeSeconds) => {
        const now = Math.floor(clock.nowMs() / 1000)
        const sub = accountUser(account.metadata.namespace!, account.metadata.name)
        const registered = { iss: ISSUER, sub, aud: audiences, exp: now + lifeSeconds, iat: now, nbf: now, jti: uuid() }
        return signed(payloadOf({ ...registered, account: accountClaims(account, bound) }), key)
      },
    }
  }

  /** A token without an end, for a Secret of type `kubernetes.io/service-account-token` to keep. */
  async issueForSecret(account: ServiceAccount, secretName: string): Promise<string> {
    return signed(secretPayload(account, secretName), await this.#keys())
  }

  /** @param audiences Any of which the token must be meant for. @returns Undefined when it is not worth anything. */
  async verify(token: string, audiences: readonly string[] = [ISSUER]): Promise<VerifiedToken | undefined> {
    if (token.length > TOKEN_CHARACTERS_MAX) return undefined
    const id = createHash('sha256').update(token).digest('base64')
    const found = this.#known.get(id) ?? (await this.#read(token))
    if (!found) return undefined
    this.#remember(id, found)
    const { claims, user } = found
    const meant = audiences.filter((audience) => claims.aud.includes(audience))
    if (meant.length === 0 || !isStanding(claims, token, this.#options.reads, this.#options.env.clock.nowMs())) return undefined
    return { user, audiences: meant }
  }

  /** The public key, for those who check tokens themselves. Source: RFC 7517. */
  async keySet(): Promise<JsonObject> {
    const { id, open } = await this.#keys()
    return { keys: [{ use: 'sig', kid: id, alg: ALGORITHM, ...(open.export({ format: 'jwk' }) as JsonObject) }] }
  }

  /** Source: OpenID Connect Discovery 1.0, Provider Metadata, as far as Kubernetes gives it. */
  discovery(): JsonObject {
    return {
      issuer: ISSUER,
      jwks_uri: this.#options.keySetUrl,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: [ALGORITHM],
    }
  }

  async #read(token: string): Promise<Known | undefined> {
    const { compactVerify } = await import('jose')
    const { open } = await this.#keys()
    try {
      const { payload } = await compactVerify(token, open, { algorithms: [ALGORITHM] })
      const claims = readClaims(JSON.parse(Buffer.from(payload).toString('utf8')) as Record<string, unknown>)
      return claims && { claims, user: userOfClaims(claims) }
    } catch {
      return undefined // what is wrong with it is nobody's business
    }
  }

  #remember(id: string, known: Known): void {
    this.#known.delete(id)
    const { exp = Number.POSITIVE_INFINITY } = known.claims
    if (exp + LEEWAY_SECONDS < this.#options.env.clock.nowMs() / 1000) return
    this.#known.set(id, known) // the newest are last
    if (this.#known.size > KNOWN_MAX) this.#known.delete(this.#known.keys().next().value!)
  }

  #keys(): Promise<Key> {
    this.#key ??= this.#options.signingKey().then(readKey)
    this.#key.catch(() => {
      this.#key = undefined // the next one tries again
    })
    return this.#key
  }
}

/** Source of the id: Kubernetes pkg/serviceaccount jwt.go keyIDFromPublicKey. */
function readKey(pem: string): Key {
  const secret = createPrivateKey(pem)
  const open = createPublicKey(secret)
  const id = createHash('sha256')
    .update(open.export({ type: 'spki', format: 'der' }))
    .digest('base64url')
  return { id, secret, open }
}

/** Source: RFC 7515, JWS Compact Serialization; RFC 7518, 3.4, of the form of the signature. */
function signed(payload: Readonly<Record<string, unknown>>, { id, secret }: Key): string {
  const text = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')
  const content = `${text({ alg: ALGORITHM, kid: id })}.${text(payload)}`
  return `${content}.${sign('sha256', Buffer.from(content), { key: secret, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}
