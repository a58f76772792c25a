import type { KubeObject } from '../object.ts'

// The parts of resource.k8s.io/v1 that Bramble's own code reads. Source: Kubernetes 1.36 API.

export interface DeviceSelector {
  cel?: { expression?: string }
}
export interface OpaqueConfiguration {
  driver?: string
  parameters?: unknown
}

export interface DeviceClass extends KubeObject {
  spec: { selectors?: DeviceSelector[]; config?: { opaque?: OpaqueConfiguration }[]; extendedResourceName?: string }
}

export interface ResourceClaimSpec {
  devices?: {
    requests?: DeviceRequest[]
    constraints?: { requests?: string[]; matchAttribute?: string; distinctAttribute?: string }[]
    config?: { requests?: string[]; opaque?: OpaqueConfiguration }[]
  }
}
export interface DeviceRequest {
  name?: string
  exactly?: DeviceRequestDetails
  firstAvailable?: (DeviceRequestDetails & { name?: string })[]
}
export interface DeviceRequestDetails {
  deviceClassName?: string
  selectors?: DeviceSelector[]
  allocationMode?: string
  count?: number
  adminAccess?: boolean
}

export interface ResourceClaim extends KubeObject {
  spec: ResourceClaimSpec
  status?: {
    allocation?: object
    reservedFor?: { apiGroup?: string; resource?: string; name?: string; uid?: string }[]
  }
}

export interface ResourceClaimTemplate extends KubeObject {
  spec: { metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> }; spec?: ResourceClaimSpec }
}

export interface ResourceSlice extends KubeObject {
  spec: {
    driver?: string
    pool?: { name?: string; generation?: number; resourceSliceCount?: number }
    nodeName?: string
    nodeSelector?: object
    allNodes?: boolean
    perDeviceNodeSelection?: boolean
    devices?: { name?: string; attributes?: Record<string, object>; capacity?: Record<string, object> }[]
    sharedCounters?: object[]
  }
}
