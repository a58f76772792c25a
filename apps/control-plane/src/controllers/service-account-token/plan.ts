import type { Secret, ServiceAccount } from '@bramble/api/types/core'

export const TOKEN_SECRET = 'kubernetes.io/service-account-token'
export const ACCOUNT_NAME = 'kubernetes.io/service-account.name'
const ACCOUNT_UID = 'kubernetes.io/service-account.uid'

export interface TokenPlan {
  /** Its ServiceAccount is gone, or is another one of that name. */
  readonly remove?: true
  /** A merge patch with what is missing, but for the token. */
  readonly patch?: { readonly metadata: object; readonly data: Readonly<Record<string, string>> }
  readonly needsToken?: true
}

/**
 * What a Secret that asks for a token of a ServiceAccount lacks.
 *
 * @param certificateAuthority PEM; without one nothing is said of it.
 * @see Source: Kubernetes pkg/controller/serviceaccount tokens_controller.go.
 */
export function planToken(secret: Secret, account: ServiceAccount | undefined, certificateAuthority: string | undefined): TokenPlan {
  const { type, metadata, data = {}, immutable } = secret
  if (type !== TOKEN_SECRET || metadata.deletionTimestamp) return {}
  const uid = metadata.annotations?.[ACCOUNT_UID]
  if (!account || (uid && uid !== account.metadata.uid)) return { remove: true }
  const wanted = {
    namespace: base64(metadata.namespace!),
    ...(certificateAuthority !== undefined && { 'ca.crt': base64(certificateAuthority) }),
  }
  const missing = Object.entries(wanted).filter(([key, value]) => data[key] !== value)
  const needsToken = !data['token']
  if (immutable || (uid && missing.length === 0 && !needsToken)) return {}
  const annotations = { [ACCOUNT_UID]: account.metadata.uid }
  return { patch: { metadata: { annotations }, data: Object.fromEntries(missing) }, ...(needsToken && { needsToken }) }
}

const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64')
