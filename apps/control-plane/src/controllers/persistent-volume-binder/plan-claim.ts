import type { StorageClass } from '@bramble/api/types/storage'
import type { PersistentVolume, PersistentVolumeClaim } from '@bramble/api/types/volume'
import { bestMatch, isFor, misfit } from './match.ts'
import { annotation, BIND_COMPLETED, classNameOf, isFullyBound, namesClass, NO_PROVISIONER, SELECTED_NODE } from './names.ts'

export interface ToldEvent {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
}

export type ClaimPlan =
  | { readonly do: 'bind'; readonly volume: PersistentVolume }
  /** @property provisioner Who is to make a volume: written into the claim for it. */
  | { readonly do: 'wait'; readonly tell?: ToldEvent; readonly provisioner?: string }
  | { readonly do: 'lose'; readonly tell: ToldEvent }
  | { readonly do: 'name-class'; readonly className: string }

export interface ClaimFacts {
  readonly volumes: readonly PersistentVolume[]
  /** By the name that the claim says; undefined when there is none of that name. */
  readonly storageClass: StorageClass | undefined
  readonly defaultClassName: string | undefined
}

/**
 * The next step of a claim on its way to a volume. Pure.
 * @see Source: Kubernetes pkg/controller/volume/persistentvolume pv_controller.go, syncClaim.
 */
export const planClaim = (claim: PersistentVolumeClaim, facts: ClaimFacts): ClaimPlan =>
  annotation(claim, BIND_COMPLETED) === undefined ? planUnbound(claim, facts) : planBound(claim, facts)

function planUnbound(claim: PersistentVolumeClaim, { volumes, storageClass, defaultClassName }: ClaimFacts): ClaimPlan {
  if (claim.spec.volumeName) return planNamed(claim, volumes)
  const waitsForPod = storageClass?.volumeBindingMode === 'WaitForFirstConsumer' && !annotation(claim, SELECTED_NODE)
  const volume = bestMatch(claim, volumes, { onlyKept: waitsForPod })
  if (volume) return { do: 'bind', volume }
  if (!namesClass(claim) && defaultClassName !== undefined) return { do: 'name-class', className: defaultClassName }
  if (waitsForPod) return wait('Normal', 'WaitForFirstConsumer', 'waiting for first consumer to be created before binding')
  const className = classNameOf(claim)
  if (className === '') return wait('Normal', 'FailedBinding', 'no persistent volumes available for this claim and no storage class is set')
  if (!storageClass) return wait('Warning', 'ProvisioningFailed', `storageclass.storage.k8s.io "${className}" not found`)
  const { provisioner = '' } = storageClass
  if (provisioner === NO_PROVISIONER)
    return wait('Normal', 'FailedBinding', `no persistent volumes available for this claim and storage class "${className}" makes none`)
  return wait(
    'Normal',
    'ExternalProvisioning',
    `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`,
    provisioner,
  )
}

/** Its user has chosen a volume. */
function planNamed(claim: PersistentVolumeClaim, volumes: readonly PersistentVolume[]): ClaimPlan {
  const volume = volumes.find(({ metadata }) => metadata.name === claim.spec.volumeName)
  if (!volume) return { do: 'wait' }
  if (isFor(volume, claim)) return { do: 'bind', volume }
  const { name } = volume.metadata
  if (volume.spec.claimRef) return wait('Warning', 'FailedBinding', `volume "${name}" already bound to a different claim.`)
  const why = misfit(volume, claim)
  return why === undefined ? { do: 'bind', volume } : wait('Warning', 'VolumeMismatch', `Cannot bind to requested volume "${name}": ${why}`)
}

function planBound(claim: PersistentVolumeClaim, { volumes }: ClaimFacts): ClaimPlan {
  if (!isFullyBound(claim)) return lose('ClaimLost', 'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!')
  const volume = volumes.find(({ metadata }) => metadata.name === claim.spec.volumeName)
  if (!volume) return lose('ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!')
  if (!volume.spec.claimRef || isFor(volume, claim)) return { do: 'bind', volume }
  return lose('ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly')
}

const wait = (type: ToldEvent['type'], reason: string, message: string, provisioner?: string): ClaimPlan => ({
  do: 'wait',
  tell: { type, reason, message },
  ...(provisioner !== undefined && { provisioner }),
})
const lose = (reason: string, message: string): ClaimPlan => ({ do: 'lose', tell: { type: 'Warning', reason, message } })
