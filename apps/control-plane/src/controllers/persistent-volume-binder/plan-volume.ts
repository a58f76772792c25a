import { type PersistentVolume, type PersistentVolumeClaim, PROVISIONED_BY } from '@bramble/api/types/volume'
import { annotation, BOUND_BY_CONTROLLER } from './names.ts'
import type { ToldEvent } from './plan-claim.ts'

export type VolumePhase = 'Available' | 'Bound' | 'Released' | 'Failed'

export interface VolumePlan {
  /** What the volume is; as it was when absent. */
  readonly phase?: VolumePhase
  /** The claim that it was meant for has another: it is free for all, or for its user's claim, again. */
  readonly letGo?: 'wholly' | 'to-its-name'
  readonly tell?: ToldEvent
}

/**
 * What becomes of a volume, as the claim that it names is. Pure.
 * @param claim By the name that the volume says, if it is there.
 * @see Source: Kubernetes pkg/controller/volume/persistentvolume pv_controller.go, syncVolume.
 */
export function planVolume(volume: PersistentVolume, claim: PersistentVolumeClaim | undefined): VolumePlan {
  const { claimRef } = volume.spec
  if (!claimRef?.uid) return { phase: 'Available' }
  if (claim?.metadata.uid !== claimRef.uid) return planReleased(volume)
  if (!claim.spec.volumeName) return {} // the claim is next
  if (claim.spec.volumeName === volume.metadata.name) return { phase: 'Bound' }
  if (annotation(volume, PROVISIONED_BY) !== undefined && volume.spec.persistentVolumeReclaimPolicy === 'Delete')
    return planReleased(volume)
  return { phase: 'Available', letGo: annotation(volume, BOUND_BY_CONTROLLER) === undefined ? 'to-its-name' : 'wholly' }
}

/** Who made a volume removes it; what nobody here made, nobody here can remove. */
function planReleased(volume: PersistentVolume): VolumePlan {
  if (volume.status?.phase === 'Failed') return {}
  const { persistentVolumeReclaimPolicy: policy } = volume.spec
  if (policy === 'Recycle') return fail('VolumeFailedRecycle', 'No recycler plugin found for the volume!')
  if (policy === 'Delete' && annotation(volume, PROVISIONED_BY) === undefined)
    return fail(
      'VolumeFailedDelete',
      `error getting deleter volume plugin for volume "${volume.metadata.name}": no deletable volume plugin matched`,
    )
  return { phase: 'Released' }
}

const fail = (reason: string, message: string): VolumePlan => ({ phase: 'Failed', tell: { type: 'Warning', reason, message } })
