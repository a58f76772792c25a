import { timingSafeEqual } from 'node:crypto'
import type { KubeObject } from '@bramble/api/object'
import type { ApiClient } from '../api/client.ts'
import type { ResourceDefinition } from '../api/resource.ts'
import { nodes } from '../resources/node.ts'
import { pods } from '../resources/pod.ts'
import { secrets } from '../resources/secret.ts'
import { serviceAccounts } from '../resources/service-account.ts'
import { type BoundObject, SECRET_ISSUER, type TokenClaims } from './service-account-claims.ts'

/** How far clocks may differ, and how long what has been deleted still counts. */
export const LEEWAY_SECONDS = 60

/**
 * Whether what a signed token says still holds: it is in date, and those it speaks of are there.
 * @see Source: Kubernetes pkg/serviceaccount claims.go and legacy.go, Validate.
 */
export function isStanding({ iss, exp, nbf, account }: TokenClaims, token: string, reads: Pick<ApiClient, 'get'>, nowMs: number): boolean {
  const now = nowMs / 1000
  if (exp !== undefined && now > exp + LEEWAY_SECONDS) return false
  if (nbf !== undefined && now < nbf - LEEWAY_SECONDS) return false
  const { namespace, serviceaccount, secret, pod, node } = account
  const isThere = <T extends KubeObject>(kind: ResourceDefinition<T>, key: string, { uid }: BoundObject): boolean => {
    const object = reads.get(kind, key)
    return object !== undefined && (uid === undefined || object.metadata.uid === uid) && !isLongGone(object, now)
  }
  if (!isThere(serviceAccounts, `${namespace}/${serviceaccount.name}`, serviceaccount)) return false
  if (secret && !isThere(secrets, `${namespace}/${secret.name}`, secret)) return false
  if (iss === SECRET_ISSUER && !holds(reads, `${namespace}/${secret!.name}`, token)) return false
  if (pod) return isThere(pods, `${namespace}/${pod.name}`, pod)
  return !node || isThere(nodes, node.name, node)
}

const isLongGone = ({ metadata: { deletionTimestamp } }: KubeObject, now: number): boolean =>
  deletionTimestamp !== undefined && Date.parse(deletionTimestamp) / 1000 + LEEWAY_SECONDS < now

/** A token that a Secret keeps is worth something for as long as the Secret keeps it. */
function holds(reads: Pick<ApiClient, 'get'>, key: string, token: string): boolean {
  const kept = Buffer.from(reads.get(secrets, key)?.data?.['token'] ?? '', 'base64')
  const shown = Buffer.from(token)
  return kept.length === shown.length && timingSafeEqual(kept, shown)
}
