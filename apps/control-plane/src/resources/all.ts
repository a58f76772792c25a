import type { ResourceDefinition } from '../api/resource.ts'
import { admissionRegistrationResources } from './admission-registration/all.ts'
import { agentUpgrades } from './agent-upgrade.ts'
import { apiServices } from './api-service.ts'
import { bindings } from './binding.ts'
import { certificateSigningRequests } from './certificates/certificate-signing-request.ts'
import { clusterRoleBindings } from './cluster-role-bindings.ts'
import { clusterRoles } from './cluster-roles.ts'
import { componentStatuses } from './component-status.ts'
import { configMaps } from './config-map.ts'
import { controllerRevisions } from './controller-revision.ts'
import { customResourceDefinitions } from './custom-resource-definition.ts'
import { cronJobs } from './cron-job.ts'
import { eventsV1 } from './event-v1.ts'
import { horizontalPodAutoscalers, horizontalPodAutoscalersV1 } from './horizontal-pod-autoscaler.ts'
import { jobs } from './job.ts'
import { limitRanges } from './limit-range.ts'
import { persistentVolumeClaims } from './persistent-volume-claim.ts'
import { persistentVolumes } from './persistent-volume.ts'
import { podDisruptionBudgets } from './pod-disruption-budget.ts'
import { podTemplates } from './pod-template.ts'
import { replicationControllers } from './replication-controller.ts'
import { resourceQuotas } from './resource-quota.ts'
import { statefulSets } from './stateful-set.ts'
import { daemonSets } from './daemon-set.ts'
import { deployments } from './deployment.ts'
import { deviceResources } from './devices/all.ts'
import { endpointSlices } from './endpoint-slice.ts'
import { endpoints } from './endpoints.ts'
import { events } from './event.ts'
import { flowControlResources } from './flow-control/all.ts'
import { leases } from './lease.ts'
import { namespaces } from './namespace.ts'
import { networkingResources } from './networking/all.ts'
import { nodeMetrics } from './node-metrics.ts'
import { podMetrics } from './pod-metrics.ts'
import { nodes } from './node.ts'
import { pods } from './pod.ts'
import { priorityClasses } from './scheduling/priority-class.ts'
import { runtimeClasses } from './scheduling/runtime-class.ts'
import { storageResources } from './storage/all.ts'
import { replicaSets } from './replica-set.ts'
import { reviewResources } from './reviews.ts'
import { roleBindings } from './role-bindings.ts'
import { roles } from './roles.ts'
import { secrets } from './secret.ts'
import { serviceAccounts } from './service-account.ts'
import { services } from './service.ts'

/** Every kind that Bramble serves, in the order of discovery. */
export const allResources: readonly ResourceDefinition[] = [
  bindings,
  componentStatuses,
  configMaps,
  endpoints,
  events,
  limitRanges,
  namespaces,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  podTemplates,
  replicationControllers,
  resourceQuotas,
  secrets,
  serviceAccounts,
  services,
  controllerRevisions,
  daemonSets,
  deployments,
  replicaSets,
  statefulSets,
  horizontalPodAutoscalers,
  horizontalPodAutoscalersV1,
  cronJobs,
  jobs,
  podDisruptionBudgets,
  eventsV1,
  leases,
  endpointSlices,
  ...networkingResources,
  ...storageResources,
  ...admissionRegistrationResources,
  certificateSigningRequests,
  ...deviceResources,
  ...flowControlResources,
  priorityClasses,
  runtimeClasses,
  nodeMetrics,
  podMetrics,
  clusterRoleBindings,
  clusterRoles,
  roleBindings,
  roles,
  customResourceDefinitions,
  apiServices,
  agentUpgrades,
  ...reviewResources,
]
