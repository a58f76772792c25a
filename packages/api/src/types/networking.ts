import type { Condition } from '../conditions.ts'
import type { LabelSelector } from '../labels.ts'
import type { KubeObject } from '../object.ts'
import type { IntOrString } from './workload.ts'

// Source: Kubernetes 1.36 API, networking.k8s.io/v1. What a client may leave out is optional, whatever validation says later.

export interface Ingress extends KubeObject {
  spec: IngressSpec
  status?: { loadBalancer?: { ingress?: { ip?: string; hostname?: string }[] } }
}
export interface IngressSpec {
  ingressClassName?: string
  defaultBackend?: IngressBackend
  tls?: { hosts?: string[]; secretName?: string }[]
  rules?: IngressRule[]
}
export interface IngressRule {
  host?: string
  http?: { paths?: IngressPath[] }
}
export interface IngressPath {
  path?: string
  pathType?: string
  backend?: IngressBackend
}
export interface IngressBackend {
  service?: { name?: string; port?: { name?: string; number?: number } }
  resource?: { apiGroup?: string; kind?: string; name?: string }
}

export interface IngressClass extends KubeObject {
  spec: {
    controller?: string
    parameters?: { apiGroup?: string; kind?: string; name?: string; scope?: string; namespace?: string }
  }
}

export interface NetworkPolicy extends KubeObject {
  spec: NetworkPolicySpec
}
export interface NetworkPolicySpec {
  podSelector?: LabelSelector
  ingress?: { ports?: NetworkPolicyPort[]; from?: NetworkPolicyPeer[] }[]
  egress?: { ports?: NetworkPolicyPort[]; to?: NetworkPolicyPeer[] }[]
  policyTypes?: string[]
}
export interface NetworkPolicyPort {
  protocol?: string
  port?: IntOrString
  endPort?: number
}
export interface NetworkPolicyPeer {
  podSelector?: LabelSelector
  namespaceSelector?: LabelSelector
  ipBlock?: { cidr?: string; except?: string[] }
}

/** An address that somebody has taken; its name is the address. */
export interface IpAddressObject extends KubeObject {
  spec: { parentRef?: { group?: string; resource?: string; namespace?: string; name?: string } }
}

export interface ServiceCidr extends KubeObject {
  spec: { cidrs?: string[] }
  status?: { conditions?: Condition[] }
}
