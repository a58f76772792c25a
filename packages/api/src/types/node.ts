import type { Condition } from '../conditions.ts'
import type { KubeObject, Timestamp } from '../object.ts'
import type { ResourceList, TaintEffect } from './pod.ts'

export interface Node extends KubeObject {
  spec: NodeSpec
  status?: NodeStatus
}
export interface NodeSpec {
  podCIDR?: string
  podCIDRs?: string[]
  providerID?: string
  unschedulable?: boolean
  taints?: Taint[]
}
export interface Taint {
  key: string
  value?: string
  effect: TaintEffect
  timeAdded?: Timestamp
}
export interface NodeCondition extends Condition {
  lastHeartbeatTime?: Timestamp
}
export interface NodeAddress {
  type: 'InternalIP' | 'Hostname' | 'ExternalIP' | 'InternalDNS' | 'ExternalDNS'
  address: string
}
export interface NodeStatus {
  capacity?: ResourceList
  allocatable?: ResourceList
  conditions?: NodeCondition[]
  addresses?: NodeAddress[]
  nodeInfo?: NodeSystemInfo
  images?: { names: string[]; sizeBytes?: number }[]
  daemonEndpoints?: { kubeletEndpoint: { Port: number } }
}
export interface NodeSystemInfo {
  machineID: string
  systemUUID: string
  bootID: string
  kernelVersion: string
  osImage: string
  containerRuntimeVersion: string
  kubeletVersion: string
  kubeProxyVersion: string
  operatingSystem: string
  architecture: string
}
