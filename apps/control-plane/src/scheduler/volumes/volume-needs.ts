import { type ObjectKey, objectKey } from '@bramble/api/object'
import { controllerOf } from '@bramble/api/owner'
import type { Pod, Volume } from '@bramble/api/types/pod'
import type { StorageClass } from '@bramble/api/types/storage'
import type { PersistentVolume, PersistentVolumeClaim } from '@bramble/api/types/volume'
import type { ApiClient } from '../../api/client.ts'
import { classNameOf, isFullyBound } from '../../controllers/persistent-volume-binder/names.ts'
import { persistentVolumeClaims } from '../../resources/persistent-volume-claim.ts'
import { persistentVolumes } from '../../resources/persistent-volume.ts'
import { claimNameOf } from '../../resources/pod-spec/named-by.ts'
import { storageClasses } from '../../resources/storage/storage-class.ts'
import { type CsiLookup, csiLookup } from './csi-lookup.ts'

/** A claim whose volume is chosen with the node of its first pod. */
export interface LateClaim {
  readonly claim: PersistentVolumeClaim
  readonly storageClass: StorageClass
  /** Volumes of its class. */
  readonly volumes: readonly PersistentVolume[]
}

/** What the claims of a pod mean for where it can go, worked out once for all nodes. */
export interface VolumeNeeds {
  /** Of claims that are bound. */
  readonly bound: readonly PersistentVolume[]
  /** A claim is bound to a volume that is not there. */
  readonly lacksVolume: boolean
  readonly late: readonly LateClaim[]
  /** Another pod has a claim that one pod only may use. */
  readonly isTaken: boolean
  /** Names of volumes that are being bound for other pods. */
  readonly reserved: ReadonlySet<string>
  /** CSI drivers of its volumes. */
  readonly drivers: ReadonlySet<string>
  readonly lookup: CsiLookup
}

export interface VolumeFacts {
  readonly reads: Pick<ApiClient, 'get' | 'list'>
  /** How many pods with a node, or about to have one, use the claim. */
  usersOf(claim: ObjectKey): number
  readonly reserved: ReadonlySet<string>
}

/** The claims that a pod mounts. */
export const claimsOf = ({ metadata: { namespace, name }, spec }: Pod): readonly ObjectKey[] => {
  const names = (spec.volumes ?? []).map((volume) => claimNameOf(volume, name)).filter((claim) => claim !== undefined && claim !== '')
  return names.length === 0 ? NO_CLAIMS : names.map((claim) => objectKey(namespace, claim!))
}
const NO_CLAIMS: readonly ObjectKey[] = []

/**
 * @returns A text when no node can do before something else happens to a claim.
 * @see Source: kube-scheduler plugins/volumebinding PreFilter, plugins/volumerestrictions.
 */
export function volumeNeeds(pod: Pod, facts: VolumeFacts): VolumeNeeds | string | undefined {
  const claims: PersistentVolumeClaim[] = []
  for (const volume of pod.spec.volumes ?? []) {
    const claim = findClaim(pod, volume, facts)
    if (typeof claim === 'string') return claim
    if (claim) claims.push(claim)
  }
  if (claims.length === 0) return undefined

  const bound = claims.filter(isFullyBound).map(({ spec }) => facts.reads.get(persistentVolumes, spec.volumeName!))
  const late: LateClaim[] = []
  for (const claim of claims.filter((each) => !isFullyBound(each))) {
    const storageClass = facts.reads.get(storageClasses, classNameOf(claim))
    if (storageClass?.volumeBindingMode !== 'WaitForFirstConsumer' || claim.spec.volumeName)
      return 'pod has unbound immediate PersistentVolumeClaims'
    const volumes = facts.reads.list(persistentVolumes).filter((volume) => classNameOf(volume) === storageClass.metadata.name)
    late.push({ claim, storageClass, volumes })
  }
  const lookup = csiLookup(facts.reads)
  return {
    bound: bound.filter((volume) => volume !== undefined),
    lacksVolume: bound.includes(undefined),
    late,
    isTaken: claims.some(
      ({ spec, metadata }) =>
        spec.accessModes?.includes('ReadWriteOncePod') && facts.usersOf(objectKey(metadata.namespace, metadata.name)) > 0,
    ),
    reserved: facts.reserved,
    drivers: new Set(
      claimsOf(pod)
        .map((claim) => lookup.csiVolumeOf(claim)?.driver)
        .filter((driver) => driver !== undefined),
    ),
    lookup,
  }
}

/** @returns A text why not, undefined for a volume of another kind. */
function findClaim(pod: Pod, volume: Volume, { reads }: VolumeFacts): PersistentVolumeClaim | string | undefined {
  const name = claimNameOf(volume, pod.metadata.name)
  if (!name) return undefined
  const claim = reads.get(persistentVolumeClaims, objectKey(pod.metadata.namespace, name))
  if (!claim)
    return volume.ephemeral
      ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`
      : `persistentvolumeclaim "${name}" not found`
  if (claim.status?.phase === 'Lost')
    return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec.volumeName ?? ''}"`
  if (claim.metadata.deletionTimestamp) return `persistentvolumeclaim "${name}" is being deleted`
  if (volume.ephemeral && controllerOf(claim)?.uid !== pod.metadata.uid)
    return `PVC ${pod.metadata.namespace}/${name} was not created for pod ${pod.metadata.namespace}/${pod.metadata.name} (pod is not owner)`
  return claim
}
