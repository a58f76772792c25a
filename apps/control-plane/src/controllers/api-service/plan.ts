import { type Condition, withCondition } from '@bramble/api/conditions'
import type { NewObject, Timestamp } from '@bramble/api/object'
import type { ApiService } from '@bramble/api/types/custom-resource-definition'

/** Tells which APIServices are the server's own. Source: kube-aggregator pkg/controllers/autoregister. */
export const MANAGED_LABEL = 'kube-aggregator.kubernetes.io/automanaged'

/** The group that describes the others does not describe itself. */
const OWN_GROUP = 'apiregistration.k8s.io'

interface Served {
  readonly group: string
  readonly version: string
  readonly isCustom: boolean
}

export const serviceName = ({ group, version }: Pick<Served, 'group' | 'version'>): string => `${version}.${group}`

/** The APIService of a group and version that is served here; undefined for those that have none. */
export function localService(served: Served): NewObject<ApiService> | undefined {
  const { group, version, isCustom } = served
  if (group === OWN_GROUP) return undefined
  const [groupPriorityMinimum, versionPriority] = isCustom ? [1000, 100] : prioritiesOf(served)
  return {
    metadata: { name: serviceName(served), labels: { [MANAGED_LABEL]: isCustom ? 'true' : 'onstart' } },
    spec: { ...(group !== '' && { group }), groupPriorityMinimum, version, versionPriority },
  }
}

/** Source: Kubernetes pkg/controlplane/apiserver/aggregator.go, DefaultGenericAPIServicePriorities. */
const PRIORITIES: Readonly<Record<string, number>> = {
  '': 18_000,
  apps: 17_800,
  'events.k8s.io': 17_750,
  'authentication.k8s.io': 17_700,
  'authorization.k8s.io': 17_600,
  autoscaling: 17_500,
  batch: 17_400,
  'certificates.k8s.io': 17_300,
  'networking.k8s.io': 17_200,
  policy: 17_100,
  'rbac.authorization.k8s.io': 17_000,
  'storage.k8s.io': 16_800,
  'apiextensions.k8s.io': 16_700,
  'admissionregistration.k8s.io': 16_700,
  'scheduling.k8s.io': 16_600,
  'coordination.k8s.io': 16_500,
  'node.k8s.io': 16_300,
  'discovery.k8s.io': 16_200,
  'flowcontrol.apiserver.k8s.io': 16_100,
}
const VERSIONS: Readonly<Record<string, number>> = { '/v1': 1, 'autoscaling/v2': 30, 'flowcontrol.apiserver.k8s.io/v1': 21 }

const prioritiesOf = ({ group, version }: Served): readonly [number, number] => [
  PRIORITIES[group] ?? 100,
  VERSIONS[`${group}/${version}`] ?? (version === 'v1' ? 15 : 9),
]

/**
 * Whether requests for an APIService can be answered: those of the server itself always, those that another server would have
 * to answer never.
 */
export function availability({ spec, status }: ApiService, now: Timestamp): readonly Condition[] {
  const condition: Condition = spec.service
    ? {
        type: 'Available',
        status: 'False',
        reason: 'AggregationNotServed',
        message: 'this API server does not pass requests on to other API servers',
      }
    : { type: 'Available', status: 'True', reason: 'Local', message: 'Local APIServices are always available' }
  return withCondition<Condition>(status?.conditions, condition, now)
}
