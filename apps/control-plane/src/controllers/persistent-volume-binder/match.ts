import { selects } from '@bramble/api/labels'
import { memoryBytes } from '@bramble/api/quantity'
import type { PersistentVolume, PersistentVolumeClaim } from '@bramble/api/types/volume'
import { classNameOf } from './names.ts'

/** Whether a volume is kept for this claim, by name or for good. */
export const isFor = ({ spec: { claimRef } }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean =>
  claimRef?.name === metadata.name && claimRef.namespace === metadata.namespace && (!claimRef.uid || claimRef.uid === metadata.uid)

const sizeOf = ({ spec }: PersistentVolume): number => memoryBytes(spec.capacity?.['storage'])

const modeOf = ({ spec }: { spec: { volumeMode?: string } }): string => spec.volumeMode ?? 'Filesystem'

/**
 * Why a volume cannot serve a claim; undefined when it can.
 * @see Source: Kubernetes pkg/controller/volume/persistentvolume checkVolumeSatisfyClaim.
 */
export function misfit(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  if (sizeOf(volume) < memoryBytes(claim.spec.resources?.requests?.['storage'])) return 'requested PV is too small'
  if (classNameOf(volume) !== classNameOf(claim)) return 'storageClassName does not match'
  if ((volume.spec.volumeAttributesClassName ?? '') !== (claim.spec.volumeAttributesClassName ?? ''))
    return 'volumeAttributesClassName does not match'
  if (modeOf(volume) !== modeOf(claim)) return 'incompatible volumeMode'
  const offered = volume.spec.accessModes ?? []
  return (claim.spec.accessModes ?? []).every((mode) => offered.includes(mode)) ? undefined : 'incompatible accessMode'
}

export interface MatchOptions {
  /** Only a volume that is kept for the claim counts: the scheduler will choose among the others. */
  readonly onlyKept?: boolean
  /** Of these, nobody else may have any. */
  readonly except?: ReadonlySet<string>
  /** Whether the volume can be used where it is needed. Default: everywhere. */
  readonly isReachable?: (volume: PersistentVolume) => boolean
}

/**
 * The volume to give a claim: the one that is kept for it, else the smallest free one that serves.
 * @see Source: component-helpers storage/volume FindMatchingVolume.
 */
export function bestMatch(
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
  { onlyKept = false, except, isReachable = () => true }: MatchOptions = {},
): PersistentVolume | undefined {
  const usable = volumes.filter((volume) => !except?.has(volume.metadata.name) && !volume.metadata.deletionTimestamp)
  const kept = usable.find((volume) => isFor(volume, claim) && misfit(volume, claim) === undefined)
  if (kept) return isReachable(kept) ? kept : undefined
  if (onlyKept) return undefined
  return usable
    .filter((volume) => volume.spec.claimRef === undefined && volume.status?.phase === 'Available' && misfit(volume, claim) === undefined)
    .filter((volume) => !claim.spec.selector || selects(claim.spec.selector, volume.metadata.labels))
    .filter(isReachable)
    .sort((a, b) => sizeOf(a) - sizeOf(b) || (a.metadata.name < b.metadata.name ? -1 : 1))[0]
}
