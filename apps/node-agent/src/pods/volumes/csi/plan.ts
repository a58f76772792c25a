import { createHash } from 'node:crypto'
import type { Pod } from '@bramble/api/types/pod'
import type { CsiDriver as CsiDriverObject } from '@bramble/api/types/storage'
import type { VolumeRequest } from '../volume-type.ts'

/** What a pod wants of a CSI driver. */
export interface CsiVolume {
  readonly driver: string
  readonly handle: string
  readonly lifecycle: 'Persistent' | 'Ephemeral'
  readonly isBlock: boolean
  readonly readOnly: boolean
  readonly fsType: string
  readonly mountFlags: readonly string[]
  readonly accessModes: readonly string[]
  readonly attributes: Readonly<Record<string, string>>
  readonly stageSecret?: SecretName
  readonly publishSecret?: SecretName
}
export interface SecretName {
  readonly namespace: string
  readonly name: string
}

/**
 * What the pod's volume, or the PersistentVolume of its claim, says.
 * @throws Error for one that names no driver or no volume.
 * @see Source: kubelet pkg/volume/csi SetUpAt, MountDevice.
 */
export function csiVolumeOf({
  pod,
  volume,
  persistent,
  readOnly,
}: Pick<VolumeRequest, 'pod' | 'volume' | 'persistent' | 'readOnly'>): CsiVolume {
  const namespace = pod.metadata.namespace ?? ''
  if (!persistent) {
    const { driver, fsType = '', readOnly: isReadOnly = false, volumeAttributes = {}, nodePublishSecretRef } = volume.csi!
    return {
      driver,
      handle: ephemeralHandle(pod.metadata.uid, volume.name),
      lifecycle: 'Ephemeral',
      isBlock: false,
      readOnly: isReadOnly,
      fsType,
      mountFlags: [],
      accessModes: ['ReadWriteOnce'],
      attributes: volumeAttributes,
      ...(nodePublishSecretRef?.name && { publishSecret: { namespace, name: nodePublishSecretRef.name } }),
    }
  }
  const { csi = {}, accessModes = [], mountOptions = [], volumeMode } = persistent.spec
  const { driver = '', volumeHandle: handle = '', fsType = '', volumeAttributes = {}, nodeStageSecretRef, nodePublishSecretRef } = csi
  if (driver === '' || handle === '') throw new Error('kubernetes.io/csi: the volume names no driver or no volumeHandle')
  const secret = (reference: typeof nodeStageSecretRef): SecretName | undefined =>
    reference?.name ? { namespace: reference.namespace ?? '', name: reference.name } : undefined
  const [stageSecret, publishSecret] = [secret(nodeStageSecretRef), secret(nodePublishSecretRef)]
  return {
    driver,
    handle,
    lifecycle: 'Persistent',
    isBlock: volumeMode === 'Block',
    readOnly: readOnly || csi.readOnly === true,
    fsType,
    mountFlags: mountOptions,
    accessModes,
    attributes: volumeAttributes,
    ...(stageSecret && { stageSecret }),
    ...(publishSecret && { publishSecret }),
  }
}

/** As kubelet names volumes that live as long as their pod. @see Source: kubelet pkg/volume/csi makeVolumeHandle. */
const ephemeralHandle = (podUid: string, name: string): string => `csi-${createHash('sha256').update(`${podUid}${name}`).digest('hex')}`

/**
 * Why the volume cannot be had on this node, whatever its driver does; undefined when it can.
 * @see Source: kubelet pkg/volume/csi supportsVolumeLifecycleMode, skipAttach.
 */
export function refusalOf({ driver, lifecycle }: CsiVolume, object: CsiDriverObject | undefined): string | undefined {
  const modes = object?.spec.volumeLifecycleModes ?? ['Persistent']
  if (!modes.includes(lifecycle)) {
    const why = object ? `only supports [${modes.map((mode) => JSON.stringify(mode)).join(' ')}]` : 'no CSIDriver object'
    return `kubernetes.io/csi: volume mode "${lifecycle}" not supported by driver ${driver} (${why})`
  }
  if (lifecycle === 'Persistent' && (object?.spec.attachRequired ?? true))
    return `kubernetes.io/csi: attach is not supported in this cluster, and driver ${driver} needs it unless its CSIDriver object says attachRequired: false${object ? '' : ' (no CSIDriver object)'}`
  if (object?.spec.tokenRequests?.length) return `kubernetes.io/csi: tokenRequests of CSIDriver ${driver} are not supported in this cluster`
  return undefined
}

/** `single` is for drivers that tell one writer from several. @see Source: kubelet pkg/volume/csi asCSIAccessModeV1. */
export function accessModeOf([mode = 'ReadWriteOnce']: readonly string[], tellsWriters: boolean): AccessModeName {
  switch (mode) {
    case 'ReadOnlyMany':
      return 'MULTI_NODE_READER_ONLY'
    case 'ReadWriteMany':
      return 'MULTI_NODE_MULTI_WRITER'
    case 'ReadWriteOncePod':
      return tellsWriters ? 'SINGLE_NODE_SINGLE_WRITER' : 'SINGLE_NODE_WRITER'
    default:
      return tellsWriters ? 'SINGLE_NODE_MULTI_WRITER' : 'SINGLE_NODE_WRITER'
  }
}
export type AccessModeName =
  | 'MULTI_NODE_READER_ONLY'
  | 'MULTI_NODE_MULTI_WRITER'
  | 'SINGLE_NODE_SINGLE_WRITER'
  | 'SINGLE_NODE_MULTI_WRITER'
  | 'SINGLE_NODE_WRITER'

/** What publishing tells the driver of the volume, and of the pod when it wants to know. @see Source: kubelet getPodInfoAttrs. */
export const publishContext = (
  { attributes, lifecycle }: CsiVolume,
  { metadata, spec }: Pod,
  object: CsiDriverObject | undefined,
): Record<string, string> => ({
  ...attributes,
  ...(object?.spec.podInfoOnMount && {
    'csi.storage.k8s.io/pod.name': metadata.name,
    'csi.storage.k8s.io/pod.namespace': metadata.namespace ?? '',
    'csi.storage.k8s.io/pod.uid': metadata.uid,
    'csi.storage.k8s.io/serviceAccount.name': spec.serviceAccountName ?? '',
    'csi.storage.k8s.io/ephemeral': String(lifecycle === 'Ephemeral'),
  }),
})

/** Whether the node gives the volume's files to the pod's group. @see Source: kubelet pkg/volume/csi supportsFSGroup. */
export function givesToGroup(
  { accessModes, fsType, lifecycle, readOnly, isBlock }: CsiVolume,
  object: CsiDriverObject | undefined,
): boolean {
  if (readOnly || isBlock) return false
  const policy = object?.spec.fsGroupPolicy ?? 'ReadWriteOnceWithFSType'
  if (policy === 'None') return false
  if (policy === 'File') return true
  return fsType !== '' && (lifecycle === 'Ephemeral' || accessModes.includes('ReadWriteOnce'))
}
