import type { NewObject } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import type { ClusterRole } from '@bramble/api/types/rbac'
import type { ApiClient } from '../../api/client.ts'
import { clusterRoles } from '../cluster-roles.ts'
import { isSame } from '../differences.ts'
import { aggregatedRules } from '../rbac/aggregate.ts'
import { reconciledRole } from '../rbac/standard.ts'
import { AGGREGATED_ROLES, aggregateRoles } from './aggregate-roles.ts'
import { may, mayGet, READ, role } from './rules.ts'

const EVENTS = may('create patch update', 'core events.k8s.io', 'events')
const REVIEWS = [may('create', 'authentication.k8s.io', 'tokenreviews'), may('create', 'authorization.k8s.io', 'subjectaccessreviews')]
const SIGNERS = {
  'legacy-unknown-approver': 'kubernetes.io/legacy-unknown',
  'kubelet-serving-approver': 'kubernetes.io/kubelet-serving',
  'kube-apiserver-client-approver': 'kubernetes.io/kube-apiserver-client',
  'kube-apiserver-client-kubelet-approver': 'kubernetes.io/kube-apiserver-client-kubelet',
}

/**
 * Roles that clients, manuals and charts take for granted, besides those for namespaces.
 * Source: Kubernetes documentation, "Using RBAC Authorization", Default roles and role bindings; 1.36.
 */
const standardRoles = (): readonly NewObject<ClusterRole>[] => [
  role('cluster-admin', may('*', '*', '*'), { verbs: ['*'], nonResourceURLs: ['*'] }),
  role('system:discovery', mayGet('/livez /readyz /healthz /version /version/ /openapi /openapi/* /api /api/* /apis /apis/*')),
  role('system:public-info-viewer', mayGet('/livez /readyz /healthz /version /version/')),
  role('bramble.dev:release-viewer', mayGet('/install.sh /dist/*')),
  role('system:monitoring', mayGet('/metrics /metrics/slis /livez /readyz /healthz /livez/* /readyz/* /healthz/*')),
  role(
    'system:service-account-issuer-discovery',
    mayGet('/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/'),
  ),
  role(
    'system:basic-user',
    may('create', 'authorization.k8s.io', 'selfsubjectaccessreviews selfsubjectrulesreviews'),
    may('create', 'authentication.k8s.io', 'selfsubjectreviews'),
  ),
  role('system:auth-delegator', ...REVIEWS),
  role('system:kube-aggregator', may(READ, 'core', 'services endpoints')),
  role('system:kube-dns', may('list watch', 'core', 'endpoints services')),
  role(
    'system:node-proxier',
    may('list watch', 'core', 'services endpoints'),
    may(READ, 'core', 'nodes'),
    EVENTS,
    may('list watch', 'discovery.k8s.io', 'endpointslices'),
    may('list watch', 'networking.k8s.io', 'servicecidrs'),
  ),
  role('system:node-problem-detector', may('get', 'core', 'nodes'), may('patch', 'core', 'nodes/status'), EVENTS),
  role('system:node-bootstrapper', may('create get list watch', 'certificates.k8s.io', 'certificatesigningrequests')),
  role(
    'system:kubelet-api-admin',
    may(READ, 'core', 'nodes'),
    may('proxy', 'core', 'nodes'),
    may('*', 'core', 'nodes/proxy nodes/metrics nodes/stats nodes/log nodes/configz nodes/healthz nodes/pods'),
  ),
  role(
    'system:persistent-volume-provisioner',
    may('create delete get list watch', 'core', 'persistentvolumes'),
    may('get list update watch', 'core', 'persistentvolumeclaims'),
    may(READ, 'storage.k8s.io', 'storageclasses'),
    may('watch', 'core', 'events'),
    EVENTS,
  ),
  role(
    'system:volume-scheduler',
    may('get list patch update watch', 'core', 'persistentvolumes'),
    may(READ, 'storage.k8s.io', 'storageclasses'),
    may('get list patch update watch', 'core', 'persistentvolumeclaims'),
  ),
  ...['nodeclient', 'selfnodeclient'].map((kind) =>
    role(
      `system:certificates.k8s.io:certificatesigningrequests:${kind}`,
      may('create', 'certificates.k8s.io', `certificatesigningrequests/${kind}`),
    ),
  ),
  ...Object.entries(SIGNERS).map(([name, signer]) =>
    role(`system:certificates.k8s.io:${name}`, may('approve', 'certificates.k8s.io', 'signers', signer)),
  ),
  node(),
  scheduler(),
  controllerManager(),
]

/** Bound to nobody: Bramble's nodes speak to the control plane over their own link, and have no rights in the API. */
const node = (): NewObject<ClusterRole> =>
  role(
    'system:node',
    may('create', 'authentication.k8s.io', 'tokenreviews'),
    may('create', 'authorization.k8s.io', 'localsubjectaccessreviews subjectaccessreviews'),
    may(READ, 'core', 'services'),
    may('create get list watch', 'core', 'nodes'),
    may('patch update', 'core', 'nodes nodes/status pods/status'),
    may('create patch update', 'core', 'events'),
    may('create delete get list watch', 'core', 'pods'),
    may('create', 'core', 'pods/eviction serviceaccounts/token'),
    may(READ, 'core', 'configmaps secrets'),
    may('get', 'core', 'endpoints persistentvolumeclaims persistentvolumes'),
    may('get patch update', 'core', 'persistentvolumeclaims/status'),
    may('create get list watch', 'certificates.k8s.io', 'certificatesigningrequests'),
    may('create delete get patch update', 'coordination.k8s.io', 'leases'),
    may('get', 'storage.k8s.io', 'volumeattachments'),
    may(READ, 'storage.k8s.io', 'csidrivers'),
    may('create delete get patch update', 'storage.k8s.io', 'csinodes'),
    may(READ, 'node.k8s.io', 'runtimeclasses'),
  )

const scheduler = (): NewObject<ClusterRole> =>
  role(
    'system:kube-scheduler',
    EVENTS,
    may('create list watch', 'coordination.k8s.io', 'leases'),
    may('get update', 'coordination.k8s.io', 'leases', 'kube-scheduler'),
    may(READ, 'core', 'nodes namespaces services replicationcontrollers persistentvolumeclaims persistentvolumes'),
    may('delete get list watch', 'core', 'pods'),
    may('create', 'core', 'bindings pods/binding'),
    may('patch update', 'core', 'pods/status'),
    may(READ, 'apps extensions', 'replicasets'),
    may(READ, 'apps', 'statefulsets'),
    may(READ, 'policy', 'poddisruptionbudgets'),
    ...REVIEWS,
    may(READ, 'storage.k8s.io', 'csidrivers csinodes csistoragecapacities volumeattachments'),
  )

const controllerManager = (): NewObject<ClusterRole> =>
  role(
    'system:kube-controller-manager',
    EVENTS,
    may('create', 'coordination.k8s.io', 'leases'),
    may('get update', 'coordination.k8s.io', 'leases', 'kube-controller-manager'),
    may('create', 'core', 'secrets serviceaccounts serviceaccounts/token'),
    may('delete', 'core', 'secrets'),
    may('get', 'core', 'configmaps namespaces secrets serviceaccounts'),
    may('update', 'core', 'secrets serviceaccounts'),
    ...REVIEWS,
    may('list watch', '*', '*'),
  )

/** Makes the roles that every cluster has, brings them up to date, and fills those that gather others'. Safe to repeat. */
export async function ensureClusterRoles(client: ApiClient): Promise<void> {
  await Promise.all([...standardRoles(), ...aggregateRoles()].map((wanted) => ensureRole(client, wanted)))
  for (const name of AGGREGATED_ROLES) await fill(client, name)
}

async function ensureRole(client: ApiClient, wanted: NewObject<ClusterRole>): Promise<void> {
  const current = client.get(clusterRoles, wanted.metadata.name!)
  const next = current && reconciledRole(wanted, current)
  try {
    if (!current) await client.create(clusterRoles, wanted)
    else if (next) await client.update(clusterRoles, next)
  } catch (error) {
    if (!isReason(error, 'AlreadyExists', 'Conflict')) throw error // another control plane of this cluster was faster
  }
}

/** The controller does so too, but only once it runs: nobody should find these empty. */
async function fill(client: ApiClient, name: string): Promise<void> {
  const current = client.get(clusterRoles, name)
  if (!current?.aggregationRule) return
  const rules = aggregatedRules(current, client.list(clusterRoles))
  if (!isSame(rules, current.rules)) await client.update(clusterRoles, { ...current, rules: [...rules] })
}
