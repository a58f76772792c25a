import type { NewObject } from '@bramble/api/object'
import type { ConfigMap, Namespace, ServiceAccount } from '@bramble/api/types/core'

export const DEFAULT_ACCOUNT = 'default'
export const ROOT_CA = 'kube-root-ca.crt'
/** Source: pkg/controller/certificates/rootcacertpublisher. */
const DESCRIPTION =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as ' +
  'the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.'

export interface AccountPlan {
  readonly account?: NewObject<ServiceAccount>
  readonly createRootCa?: NewObject<ConfigMap>
  readonly updateRootCa?: ConfigMap
}

/**
 * What every namespace has from its first moment: an account for its pods, and what tells them the API from an impostor.
 * @param certificateAuthority PEM; without one no ConfigMap is planned.
 */
export function planAccount(
  namespace: Namespace,
  account: ServiceAccount | undefined,
  rootCa: ConfigMap | undefined,
  certificateAuthority: string | undefined,
): AccountPlan {
  if (namespace.metadata.deletionTimestamp) return {}
  const inNamespace = namespace.metadata.name
  const data = { 'ca.crt': certificateAuthority ?? '' }
  const isRight = rootCa?.data?.['ca.crt'] === data['ca.crt'] && Object.keys(rootCa.data).length === 1
  return {
    ...(!account && { account: { metadata: { name: DEFAULT_ACCOUNT, namespace: inNamespace } } }),
    ...(certificateAuthority !== undefined &&
      !rootCa && {
        createRootCa: {
          metadata: { name: ROOT_CA, namespace: inNamespace, annotations: { 'kubernetes.io/description': DESCRIPTION } },
          data,
        },
      }),
    ...(certificateAuthority !== undefined && rootCa && !isRight && { updateRootCa: { ...rootCa, data } }),
  }
}
