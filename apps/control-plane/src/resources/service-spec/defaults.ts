import type { Service, ServiceSpec } from '@bramble/api/types/service'

const AFFINITY_SECONDS = 3 * 60 * 60

/** What ServiceSpec has besides the fields that Bramble's own code reads. */
export interface ServiceSpecRest {
  allocateLoadBalancerNodePorts?: boolean
  loadBalancerIP?: string
  loadBalancerSourceRanges?: string[]
  healthCheckNodePort?: number
}

/** Source: Kubernetes pkg/apis/core/v1 SetDefaults_Service; families as the service registry fills them, for IPv4 only. */
export function applyServiceDefaults({ spec }: Service): void {
  spec.type ||= 'ClusterIP'
  spec.sessionAffinity ||= 'None'
  if (spec.sessionAffinity === 'ClientIP') spec.sessionAffinityConfig ??= { clientIP: { timeoutSeconds: AFFINITY_SECONDS } }
  for (const port of spec.ports ?? []) {
    port.protocol ||= 'TCP'
    port.targetPort ||= port.port
  }
  if (hasNodePorts(spec)) spec.externalTrafficPolicy ||= 'Cluster'
  if (spec.type === 'LoadBalancer') (spec as ServiceSpecRest).allocateLoadBalancerNodePorts ??= true
  if (spec.type === 'ExternalName') return
  spec.internalTrafficPolicy ||= 'Cluster'
  if (!spec.ipFamilies?.length) spec.ipFamilies = ['IPv4']
  spec.ipFamilyPolicy ||= 'SingleStack'
  if (spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP]
  if (spec.clusterIPs?.[0]) spec.clusterIP ||= spec.clusterIPs[0]
}

export const hasNodePorts = ({ type }: ServiceSpec): boolean => type === 'NodePort' || type === 'LoadBalancer'
export const isHeadless = ({ clusterIP }: ServiceSpec): boolean => clusterIP === 'None'
