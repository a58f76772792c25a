import type { Condition } from '../conditions.ts'
import type { LabelSelector } from '../labels.ts'
import type { KubeObject, ObjectMeta, Timestamp } from '../object.ts'
import type { NodeSelectorTerm, ResourceList } from './pod.ts'
import type { ObjectReference } from './service.ts'

// Source: Kubernetes 1.36 API, core/v1.

/** Annotation of a volume: the provisioner that made it. */
export const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by'
/** The provisioner of volumes that are folders of one node. */
export const LOCAL_PATH_PROVISIONER = 'bramble.dev/local-path'
/** Annotation of a volume of that provisioner: the node that has the folder. */
export const VOLUME_NODE = 'bramble.dev/node'
/** Of such a volume: its object stays until the folder is gone. */
export const VOLUME_FINALIZER = 'bramble.dev/volume-folder'
/** Annotation of a node: the folder in which it keeps volumes of that provisioner, absolute. */
export const VOLUME_FOLDER = 'bramble.dev/volume-folder'

/** Absolute, of one form only, and longer than the root. */
export const isPlainPath = (path: string): boolean =>
  /^(\/[^/\0]+)+$/.test(path) && !path.split('/').some((part) => part === '.' || part === '..')

export type VolumeMode = 'Filesystem' | 'Block'

/** The spec has one more field: the source of the volume, named after its type. */
export interface PersistentVolume extends KubeObject {
  spec: {
    capacity?: ResourceList
    accessModes?: string[]
    persistentVolumeReclaimPolicy?: string
    storageClassName?: string
    volumeAttributesClassName?: string
    volumeMode?: VolumeMode
    mountOptions?: string[]
    claimRef?: ObjectReference
    nodeAffinity?: { required?: { nodeSelectorTerms?: NodeSelectorTerm[] } }
    hostPath?: { path?: string; type?: string }
    local?: { path?: string; fsType?: string }
    nfs?: { server?: string; path?: string; readOnly?: boolean }
    csi?: {
      driver?: string
      volumeHandle?: string
      readOnly?: boolean
      fsType?: string
      volumeAttributes?: Record<string, string>
      nodeStageSecretRef?: SecretReference
      nodePublishSecretRef?: SecretReference
      nodeExpandSecretRef?: SecretReference
      controllerExpandSecretRef?: unknown
    }
  }
  status?: { phase?: string; message?: string; reason?: string; lastPhaseTransitionTime?: Timestamp }
}

export interface SecretReference {
  name?: string
  namespace?: string
}

export interface PersistentVolumeClaim extends KubeObject {
  spec: ClaimSpec
  status?: ClaimStatus
}

export interface ClaimSpec {
  accessModes?: string[]
  selector?: LabelSelector
  resources?: { requests?: ResourceList; limits?: ResourceList }
  volumeName?: string
  storageClassName?: string
  volumeMode?: VolumeMode
  dataSource?: DataSource
  dataSourceRef?: DataSource & { namespace?: string }
  volumeAttributesClassName?: string
}

export interface DataSource {
  apiGroup?: string
  kind?: string
  name?: string
}

export interface ClaimStatus {
  phase?: 'Pending' | 'Bound' | 'Lost'
  accessModes?: string[]
  capacity?: ResourceList
  allocatedResources?: ResourceList
  allocatedResourceStatuses?: Record<string, string>
  conditions?: Condition[]
}

/** A claim inside another kind: a StatefulSet makes one per pod from it. */
export interface ClaimTemplate {
  apiVersion?: string
  kind?: string
  metadata?: Partial<ObjectMeta>
  spec: ClaimSpec
  status?: ClaimStatus
}
