import type { NewObject } from '@bramble/api/object'
import type { ClusterRole, PolicyRule } from '@bramble/api/types/rbac'
import { standardMetadata } from '../rbac/standard.ts'
import { may, READ, WRITE } from './rules.ts'

// What people may in their namespaces: `view`, `edit` and `admin` gather the rules of roles with their labels, so that whoever
// adds kinds can add rights to them. Source: Kubernetes documentation, "Using RBAC Authorization", User-facing roles; 1.36.

/** Each gathers what those before it gather, too. */
export const AGGREGATED_ROLES = ['view', 'edit', 'admin'] as const
type Audience = (typeof AGGREGATED_ROLES)[number]

const label = (audience: Audience): Record<string, string> => ({ [`rbac.authorization.k8s.io/aggregate-to-${audience}`]: 'true' })

const gathering = (audience: Audience, labels = {}): NewObject<ClusterRole> => ({
  metadata: standardMetadata(audience, labels),
  aggregationRule: { clusterRoleSelectors: [{ matchLabels: label(audience) }] },
})

const gathered = (audience: Audience, rules: PolicyRule[]): NewObject<ClusterRole> => ({
  metadata: standardMetadata(`system:aggregate-to-${audience}`, label(audience)),
  rules,
})

export const aggregateRoles = (): readonly NewObject<ClusterRole>[] => [
  gathering('admin'),
  gathering('edit', label('admin')),
  gathering('view', label('edit')),
  gathered('admin', ADMIN),
  gathered('edit', EDIT),
  gathered('view', VIEW),
  {
    metadata: standardMetadata('system:aggregated-metrics-reader', { ...label('view'), ...label('edit'), ...label('admin') }),
    rules: [may(READ, 'metrics.k8s.io', 'pods nodes')],
  },
]

const ADMIN: PolicyRule[] = [
  may('create', 'authorization.k8s.io', 'localsubjectaccessreviews'),
  may(`${READ} ${WRITE}`, 'rbac.authorization.k8s.io', 'roles rolebindings'),
]

const IN_PODS = 'pods/attach pods/exec pods/portforward pods/proxy'
const SCALED = 'deployments deployments/scale replicasets replicasets/scale'

const EDIT: PolicyRule[] = [
  may(READ, 'core', `${IN_PODS} secrets services/proxy`), // reading them is as good as writing
  may('impersonate', 'core', 'serviceaccounts'),
  may(WRITE, 'core', `pods ${IN_PODS}`),
  may('create', 'core', 'pods/eviction'),
  may(
    WRITE,
    'core',
    'configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy',
  ),
  may('create', 'core', 'serviceaccounts/token'),
  may(WRITE, 'apps', `daemonsets deployments/rollback statefulsets statefulsets/scale ${SCALED}`),
  may(WRITE, 'autoscaling', 'horizontalpodautoscalers'),
  may(WRITE, 'batch', 'cronjobs jobs'),
  may(WRITE, 'extensions', `daemonsets deployments/rollback ingresses networkpolicies replicationcontrollers/scale ${SCALED}`),
  may(WRITE, 'policy', 'poddisruptionbudgets'),
  may(WRITE, 'networking.k8s.io', 'ingresses networkpolicies'),
  may(`${READ} ${WRITE}`, 'coordination.k8s.io', 'leases'),
  may(WRITE, 'resource.k8s.io', 'resourceclaims resourceclaimtemplates'),
]

const VIEW: PolicyRule[] = [
  may(
    READ,
    'core',
    `configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers
    replicationcontrollers/scale serviceaccounts services services/status`,
  ),
  may(
    READ,
    'core',
    `bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas
    resourcequotas/status`,
  ),
  may(READ, 'core', 'namespaces'), // the namespace itself
  may(READ, 'discovery.k8s.io', 'endpointslices'),
  may(
    READ,
    'apps',
    `controllerrevisions daemonsets daemonsets/status deployments/status replicasets/status statefulsets statefulsets/scale
    statefulsets/status ${SCALED}`,
  ),
  may(READ, 'autoscaling', 'horizontalpodautoscalers horizontalpodautoscalers/status'),
  may(READ, 'batch', 'cronjobs cronjobs/status jobs jobs/status'),
  may(
    READ,
    'extensions',
    `daemonsets daemonsets/status deployments/status ingresses ingresses/status networkpolicies replicasets/status
    replicationcontrollers/scale ${SCALED}`,
  ),
  may(READ, 'policy', 'poddisruptionbudgets poddisruptionbudgets/status'),
  may(READ, 'networking.k8s.io', 'ingresses ingresses/status networkpolicies'),
  may(READ, 'resource.k8s.io', 'resourceclaims resourceclaims/status resourceclaimtemplates'),
]
