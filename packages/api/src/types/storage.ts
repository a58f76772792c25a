import type { LabelSelector } from '../labels.ts'
import type { KubeObject, Timestamp } from '../object.ts'
import type { Quantity } from './pod.ts'

// Source: Kubernetes 1.36 API, storage.k8s.io/v1.

export interface StorageClass extends KubeObject {
  provisioner?: string
  parameters?: Record<string, string>
  reclaimPolicy?: string
  volumeBindingMode?: string
  allowVolumeExpansion?: boolean
  mountOptions?: string[]
  allowedTopologies?: { matchLabelExpressions?: { key?: string; values?: string[] }[] }[]
}

export interface VolumeAttributesClass extends KubeObject {
  driverName?: string
  parameters?: Record<string, string>
}

export interface VolumeAttachment extends KubeObject {
  spec: {
    attacher?: string
    nodeName?: string
    source?: { persistentVolumeName?: string; inlineVolumeSpec?: object }
  }
  status?: {
    attached?: boolean
    attachmentMetadata?: Record<string, string>
    attachError?: VolumeError
    detachError?: VolumeError
  }
}
export interface VolumeError {
  time?: Timestamp
  message?: string
  errorCode?: number
}

export interface CsiDriver extends KubeObject {
  spec: CsiDriverSpec
}
export interface CsiDriverSpec {
  attachRequired?: boolean
  podInfoOnMount?: boolean
  storageCapacity?: boolean
  requiresRepublish?: boolean
  seLinuxMount?: boolean
  fsGroupPolicy?: string
  volumeLifecycleModes?: string[]
  tokenRequests?: { audience?: string; expirationSeconds?: number }[]
  nodeAllocatableUpdatePeriodSeconds?: number
}

export interface CsiNode extends KubeObject {
  spec: { drivers?: CsiNodeDriver[] }
}
export interface CsiNodeDriver {
  name?: string
  nodeID?: string
  topologyKeys?: string[]
  allocatable?: { count?: number }
}

export interface CsiStorageCapacity extends KubeObject {
  storageClassName?: string
  nodeTopology?: LabelSelector
  capacity?: Quantity
  maximumVolumeSize?: Quantity
}
