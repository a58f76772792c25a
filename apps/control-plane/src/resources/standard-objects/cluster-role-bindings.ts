import { isReason } from '@bramble/api/status-error'
import type { NewObject } from '@bramble/api/object'
import { RBAC_GROUP, type RoleBinding, type Subject } from '@bramble/api/types/rbac'
import type { ApiClient } from '../../api/client.ts'
import { clusterRoleBindings } from '../cluster-role-bindings.ts'
import { reconciledBinding, standardMetadata } from '../rbac/standard.ts'

const group = (name: string): Subject => ({ kind: 'Group', apiGroup: RBAC_GROUP, name })
const user = (name: string): Subject => ({ kind: 'User', apiGroup: RBAC_GROUP, name })
const account = (namespace: string, name: string): Subject => ({ kind: 'ServiceAccount', namespace, name })

/** A binding has the name of its role. Source: Kubernetes documentation, "Using RBAC Authorization", Default roles and role bindings. */
const SUBJECTS: Readonly<Record<string, readonly Subject[]>> = {
  'cluster-admin': [group('system:masters')],
  'system:discovery': [group('system:authenticated')],
  'system:basic-user': [group('system:authenticated')],
  'system:public-info-viewer': [group('system:authenticated'), group('system:unauthenticated')],
  // a machine that is to join knows nothing but this address; an administrator may take it away
  'bramble.dev:release-viewer': [group('system:authenticated'), group('system:unauthenticated')],
  'system:monitoring': [group('system:monitoring')],
  'system:service-account-issuer-discovery': [group('system:serviceaccounts')],
  'system:node-proxier': [user('system:kube-proxy')],
  'system:kube-controller-manager': [user('system:kube-controller-manager')],
  'system:kube-dns': [account('kube-system', 'kube-dns')],
  'system:kube-scheduler': [user('system:kube-scheduler')],
  'system:volume-scheduler': [user('system:kube-scheduler')],
  'system:node': [],
}

const standardBindings = (): readonly NewObject<RoleBinding>[] =>
  Object.entries(SUBJECTS).map(([name, subjects]) => ({
    metadata: standardMetadata(name),
    roleRef: { apiGroup: RBAC_GROUP, kind: 'ClusterRole', name },
    ...(subjects.length > 0 && { subjects: [...subjects] }),
  }))

/** Makes the bindings that every cluster has, and brings them up to date. Safe to repeat. */
export async function ensureClusterRoleBindings(client: ApiClient): Promise<void> {
  await Promise.all(standardBindings().map((wanted) => ensureBinding(client, wanted)))
}

async function ensureBinding(client: ApiClient, wanted: NewObject<RoleBinding>): Promise<void> {
  const current = client.get(clusterRoleBindings, wanted.metadata.name!)
  const next = current && reconciledBinding(wanted, current)
  try {
    if (next === 'another') await client.delete(clusterRoleBindings, wanted.metadata.name!, { uid: current!.metadata.uid })
    if (!current || next === 'another') await client.create(clusterRoleBindings, wanted)
    else if (next) await client.update(clusterRoleBindings, next)
  } catch (error) {
    if (!isReason(error, 'AlreadyExists', 'Conflict', 'NotFound')) throw error // another control plane of this cluster was faster
  }
}
