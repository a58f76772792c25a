import { keyOf, mutableCopy } from '@bramble/api/object'
import type { PersistentVolume, PersistentVolumeClaim } from '@bramble/api/types/volume'
import type { ApiClient } from '../../api/client.ts'
import { persistentVolumeClaims } from '../../resources/persistent-volume-claim.ts'
import { persistentVolumes } from '../../resources/persistent-volume.ts'
import { annotation, BIND_COMPLETED, BOUND_BY_CONTROLLER } from './names.ts'

/**
 * Writes both into each other, the volume first: it belongs to one claim at most, whoever is cut off where. What is written already
 * is not written again.
 * @throws StatusError Conflict when one of them has changed meanwhile.
 */
export async function bind(client: ApiClient, volume: PersistentVolume, claim: PersistentVolumeClaim): Promise<void> {
  const kept = await claimVolume(client, volume, claim)
  await setVolumePhase(client, kept, 'Bound')
  const named = await nameVolume(client, claim, kept)
  await markBound(client, named, kept)
}

/** Writes the claim into the volume, unless it is there. */
export async function claimVolume(client: ApiClient, volume: PersistentVolume, claim: PersistentVolumeClaim): Promise<PersistentVolume> {
  const { name, namespace, uid, resourceVersion } = claim.metadata
  const { claimRef } = volume.spec
  if (claimRef?.uid === uid) return volume
  return await client.patch(persistentVolumes, keyOf(volume), {
    metadata: {
      uid: volume.metadata.uid,
      resourceVersion: volume.metadata.resourceVersion,
      ...(claimRef === undefined && { annotations: { [BOUND_BY_CONTROLLER]: 'yes' } }),
    },
    spec: { claimRef: { kind: 'PersistentVolumeClaim', apiVersion: 'v1', name, namespace, uid, resourceVersion } },
  })
}

export async function setVolumePhase(
  client: ApiClient,
  volume: PersistentVolume,
  phase: string,
  why?: { readonly reason: string; readonly message: string },
): Promise<PersistentVolume> {
  if (volume.status?.phase === phase) return volume
  const { reason: _, message: __, lastPhaseTransitionTime: ___, ...status } = volume.status ?? {}
  return await client.updateStatus(persistentVolumes, { ...mutableCopy(volume), status: { ...status, phase, ...why } })
}

async function nameVolume(client: ApiClient, claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<PersistentVolumeClaim> {
  const { name } = volume.metadata
  if (claim.spec.volumeName === name && annotation(claim, BIND_COMPLETED) !== undefined) return claim
  return await client.patch(persistentVolumeClaims, keyOf(claim), {
    metadata: {
      uid: claim.metadata.uid,
      resourceVersion: claim.metadata.resourceVersion,
      annotations: { [BIND_COMPLETED]: 'yes', ...(!claim.spec.volumeName && { [BOUND_BY_CONTROLLER]: 'yes' }) },
    },
    spec: { volumeName: name },
  })
}

async function markBound(client: ApiClient, claim: PersistentVolumeClaim, { spec }: PersistentVolume): Promise<void> {
  if (claim.status?.phase === 'Bound') return
  const storage = spec.capacity?.['storage']
  await client.updateStatus(persistentVolumeClaims, {
    ...mutableCopy(claim),
    status: {
      ...claim.status,
      phase: 'Bound',
      accessModes: [...(spec.accessModes ?? [])],
      ...(storage !== undefined && { capacity: { storage } }),
    },
  })
}

/** A claim that has no volume yet, or none any more. */
export async function markUnbound(client: ApiClient, claim: PersistentVolumeClaim, phase: 'Pending' | 'Lost'): Promise<void> {
  if (claim.status?.phase === phase) return
  await client.updateStatus(persistentVolumeClaims, { ...mutableCopy(claim), status: { phase } })
}
