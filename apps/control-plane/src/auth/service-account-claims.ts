import type { ServiceAccount } from '@bramble/api/types/core'
import type { KubeObject } from '@bramble/api/object'
import type { UserInfo } from '../api/requests.ts'
import { accountGroups, accountUser } from './account-names.ts'
import { AUTHENTICATED_GROUP } from './authenticate.ts'

/** An object as a token names it. */
export interface BoundObject {
  readonly name: string
  /** Absent of a node that did not exist, and where a Secret holds the token. */
  readonly uid?: string
}

/** What a token says of its bearer. Source: Kubernetes pkg/serviceaccount claims.go, private claims. */
export interface AccountClaims {
  readonly namespace: string
  readonly serviceaccount: BoundObject
  readonly pod?: BoundObject
  readonly secret?: BoundObject
  readonly node?: BoundObject
}

/** Whole claims of a token as they are signed. */
export interface TokenClaims {
  readonly iss: string
  readonly sub: string
  readonly aud: readonly string[]
  /** Epoch seconds, as the others. */
  readonly exp?: number
  readonly iat?: number
  readonly nbf?: number
  readonly jti?: string
  readonly account: AccountClaims
}

export interface Bound {
  readonly pod?: KubeObject
  readonly secret?: KubeObject
  readonly node?: BoundObject
}

export const ISSUER = 'https://kubernetes.default.svc.cluster.local'
/** Of tokens that are kept in Secrets: they last as long as those. */
export const SECRET_ISSUER = 'kubernetes/serviceaccount'
const PRIVATE = 'kubernetes.io'
const SECRET_PRIVATE = 'kubernetes.io/serviceaccount'

/** A payload to sign, from what it is to say. */
export const payloadOf = ({ account, ...registered }: TokenClaims): Record<string, unknown> => ({ ...registered, [PRIVATE]: account })

/** The payload of a token that is kept in a Secret. Source: Kubernetes pkg/serviceaccount legacy.go. */
export const secretPayload = ({ metadata }: ServiceAccount, secretName: string): Record<string, unknown> => ({
  iss: SECRET_ISSUER,
  sub: accountUser(metadata.namespace!, metadata.name),
  [`${SECRET_PRIVATE}/namespace`]: metadata.namespace,
  [`${SECRET_PRIVATE}/secret.name`]: secretName,
  [`${SECRET_PRIVATE}/service-account.name`]: metadata.name,
  [`${SECRET_PRIVATE}/service-account.uid`]: metadata.uid,
})

export function accountClaims({ metadata }: ServiceAccount, { pod, secret, node }: Bound): AccountClaims {
  const named = (object: KubeObject): BoundObject => ({ name: object.metadata.name, uid: object.metadata.uid })
  return {
    namespace: metadata.namespace!,
    ...(node && { node }),
    ...(pod && { pod: named(pod) }),
    ...(secret && { secret: named(secret) }),
    serviceaccount: { name: metadata.name, uid: metadata.uid },
  }
}

/** What a payload says that we have signed; undefined when it is none of a ServiceAccount. */
export function readClaims(payload: Readonly<Record<string, unknown>>): TokenClaims | undefined {
  const { iss, sub, aud, exp, iat, nbf, jti } = payload as unknown as TokenClaims
  const account = iss === SECRET_ISSUER ? secretAccount(payload) : iss === ISSUER ? (payload[PRIVATE] as AccountClaims) : undefined
  if (!account || accountUser(account.namespace, account.serviceaccount.name) !== sub) return undefined
  return {
    iss,
    sub,
    aud: iss === SECRET_ISSUER ? [ISSUER] : [aud ?? []].flat(),
    account,
    ...(exp !== undefined && { exp }),
    ...(iat !== undefined && { iat }),
    ...(nbf !== undefined && { nbf }),
    ...(jti !== undefined && { jti }),
  }
}

function secretAccount(payload: Readonly<Record<string, unknown>>): AccountClaims {
  const text = (name: string): string => String(payload[`${SECRET_PRIVATE}/${name}`])
  return {
    namespace: text('namespace'),
    serviceaccount: { name: text('service-account.name'), uid: text('service-account.uid') },
    secret: { name: text('secret.name') },
  }
}

const EXTRA = 'authentication.kubernetes.io'

/** Whom a token stands for. Source: k8s.io/apiserver pkg/authentication/serviceaccount ServiceAccountInfo.UserInfo. */
export function userOfClaims({ jti, account: { namespace, serviceaccount, pod, node } }: TokenClaims): UserInfo {
  const extra: Record<string, readonly string[]> = {
    ...(jti !== undefined && { [`${EXTRA}/credential-id`]: [`JTI=${jti}`] }),
    ...(node && { [`${EXTRA}/node-name`]: [node.name], ...(node.uid && { [`${EXTRA}/node-uid`]: [node.uid] }) }),
    ...(pod && { [`${EXTRA}/pod-name`]: [pod.name], [`${EXTRA}/pod-uid`]: [pod.uid!] }),
  }
  return {
    name: accountUser(namespace, serviceaccount.name),
    ...(serviceaccount.uid !== undefined && { uid: serviceaccount.uid }),
    groups: [...accountGroups(namespace), AUTHENTICATED_GROUP],
    ...(Object.keys(extra).length > 0 && { extra }),
  }
}
