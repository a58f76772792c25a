import type { NewObject } from '@bramble/api/object'
import { memoryBytes } from '@bramble/api/quantity'
import type { Node } from '@bramble/api/types/node'
import type { StorageClass } from '@bramble/api/types/storage'
import {
  isPlainPath,
  LOCAL_PATH_PROVISIONER,
  type PersistentVolume,
  type PersistentVolumeClaim,
  PROVISIONED_BY,
  VOLUME_FINALIZER,
  VOLUME_NODE,
} from '@bramble/api/types/volume'
import { annotation, SELECTED_NODE } from '../persistent-volume-binder/names.ts'
import { FOLDER_PARAMETER, volumeFolder } from './folder.ts'

// A volume is a folder of the node that the first pod was put on, and stays there. How large it may grow nobody bounds.

export type ProvisionPlan =
  | { readonly do: 'nothing' }
  | { readonly do: 'make'; readonly volume: NewObject<PersistentVolume> }
  /** @property chooseAgain Another node may do: the scheduler is asked anew. */
  | { readonly do: 'refuse'; readonly message: string; readonly chooseAgain: boolean }

const HOSTNAME = 'kubernetes.io/hostname'

/** What to make for a claim that waits for us. Pure. @param nodeOf By name, if it is there. */
export function planProvision(
  claim: PersistentVolumeClaim,
  storageClass: StorageClass,
  nodeOf: (name: string) => Node | undefined,
): ProvisionPlan {
  const refuse = (message: string, chooseAgain = false): ProvisionPlan => ({ do: 'refuse', message, chooseAgain })
  const impossible = faultOf(claim, storageClass)
  if (impossible !== undefined) return refuse(impossible)
  const nodeName = annotation(claim, SELECTED_NODE)
  if (nodeName === undefined) return { do: 'nothing' } // no pod has needed it yet
  const node = nodeOf(nodeName)
  if (!node) return refuse(`node "${nodeName}" not found`, true)
  const place = volumeFolder(storageClass, node)
  return 'why' in place ? refuse(place.why, true) : { do: 'make', volume: volumeFor(claim, storageClass, node, place.folder) }
}

/** Why no node can ever have a volume for the claim. */
function faultOf({ spec }: PersistentVolumeClaim, { volumeBindingMode, parameters = {}, mountOptions }: StorageClass): string | undefined {
  const { [FOLDER_PARAMETER]: folder, ...others } = parameters
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) return `unknown parameter "${unknown}" of the storage class`
  if (folder !== undefined && !isPlainPath(folder)) return `parameter "${FOLDER_PARAMETER}" must be an absolute path: "${folder}"`
  if (mountOptions?.length) return 'mount options of the storage class cannot be used for a folder'
  if (volumeBindingMode !== 'WaitForFirstConsumer')
    return 'the storage class must have volumeBindingMode WaitForFirstConsumer: a volume is a folder of the node that its first pod runs on'
  if (spec.volumeMode === 'Block') return 'block volumes are not supported: a volume is a folder'
  if (spec.selector) return 'claim Selector is not supported'
  if (spec.dataSource ?? spec.dataSourceRef) return 'data sources are not supported'
  if (spec.accessModes?.some((mode) => mode === 'ReadWriteMany' || mode === 'ReadOnlyMany'))
    return 'only the access modes ReadWriteOnce and ReadWriteOncePod are supported: a volume is a folder of one node'
  return undefined
}

export const volumeNameOf = ({ metadata }: PersistentVolumeClaim): string => `pvc-${metadata.uid}`

function volumeFor(claim: PersistentVolumeClaim, storageClass: StorageClass, node: Node, folder: string): NewObject<PersistentVolume> {
  const name = volumeNameOf(claim)
  const { name: claimName, namespace, uid, resourceVersion } = claim.metadata
  const hostname = node.metadata.labels?.[HOSTNAME] ?? node.metadata.name
  return {
    metadata: {
      name,
      annotations: { [PROVISIONED_BY]: LOCAL_PATH_PROVISIONER, [VOLUME_NODE]: node.metadata.name },
      finalizers: [VOLUME_FINALIZER],
    },
    spec: {
      capacity: { storage: claim.spec.resources?.requests?.['storage'] ?? '0' },
      accessModes: [...(claim.spec.accessModes ?? [])],
      volumeMode: 'Filesystem',
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? 'Delete',
      storageClassName: storageClass.metadata.name,
      claimRef: {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        name: claimName,
        ...(namespace !== undefined && { namespace }),
        uid,
        resourceVersion,
      },
      local: { path: `${folder}/${name}` },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: HOSTNAME, operator: 'In', values: [hostname] }] }] } },
    },
  }
}

/** The size that a bound claim asks for beyond what its volume has; undefined when it asks for no more. */
export function askedGrowth(claim: PersistentVolumeClaim, volume: PersistentVolume): string | number | undefined {
  const asked = claim.spec.resources?.requests?.['storage']
  const had = claim.status?.capacity?.['storage'] ?? volume.spec.capacity?.['storage']
  return asked !== undefined && memoryBytes(asked) > memoryBytes(had) ? asked : undefined
}

export type RemovalPlan = 'wait' | 'let-go' | 'tell-node-gone'

/**
 * What to do for a volume of ours that its node does not do. Its node removes the folder of one that is left behind and to be deleted.
 * Pure. @param hasNode Whether its node is a part of the cluster.
 */
export function planRemoval({ metadata, spec, status }: PersistentVolume, hasNode: boolean): RemovalPlan {
  if (status?.phase === 'Bound') return 'wait'
  const isNodesToRemove = spec.persistentVolumeReclaimPolicy === 'Delete' && (status?.phase === 'Released' || status?.phase === 'Failed')
  if (metadata.deletionTimestamp) return isNodesToRemove && hasNode ? 'wait' : 'let-go'
  return isNodesToRemove && !hasNode ? 'tell-node-gone' : 'wait'
}
