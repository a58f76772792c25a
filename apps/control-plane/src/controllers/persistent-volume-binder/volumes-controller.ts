import { keyOf, type ObjectKey, objectKey } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import type { PersistentVolume } from '@bramble/api/types/volume'
import { type Outcome, type Reconciler, SETTLED } from '@bramble/reconcile/reconciler'
import { persistentVolumeClaims } from '../../resources/persistent-volume-claim.ts'
import { persistentVolumes } from '../../resources/persistent-volume.ts'
import { type ControllerDefinition, type ControllerDeps, wake } from '../controller.ts'
import { setVolumePhase } from './bind.ts'
import { BOUND_BY_CONTROLLER } from './names.ts'
import { planVolume } from './plan-volume.ts'

/** Says of each volume whether it is free, bound, or left behind. */
export const volumeBinder: ControllerDefinition = {
  name: 'persistent-volume-binder',
  component: 'persistentvolume-controller',
  primary: persistentVolumes,
  wakes: [
    wake(persistentVolumeClaims, ({ object: { metadata, spec } }, client) =>
      spec.volumeName
        ? [spec.volumeName]
        : client
            .list(persistentVolumes)
            .filter(({ spec: { claimRef } }) => claimRef?.uid === metadata.uid)
            .map(keyOf),
    ),
  ],
  concurrency: 1,
  create: (deps) => new VolumeReconciler(deps),
}

class VolumeReconciler implements Reconciler<ObjectKey> {
  readonly #deps: ControllerDeps

  constructor(deps: ControllerDeps) {
    this.#deps = deps
  }

  async reconcile(name: ObjectKey): Promise<Outcome> {
    const { client, events } = this.#deps
    const volume = client.get(persistentVolumes, name)
    if (!volume) return SETTLED
    const { claimRef } = volume.spec
    const claim = claimRef && client.get(persistentVolumeClaims, objectKey(claimRef.namespace, claimRef.name ?? ''))
    const { phase, letGo, tell } = planVolume(volume, claim)
    try {
      const left = letGo ? await this.#letGo(volume, letGo) : volume
      if (phase !== undefined) await setVolumePhase(client, left, phase, tell && { reason: tell.reason, message: tell.message })
    } catch (error) {
      if (isReason(error, 'NotFound')) return SETTLED
      if (isReason(error, 'Conflict')) return { againInMs: 0 }
      throw error
    }
    if (tell) events.record(volume, tell.type, tell.reason, tell.message)
    return SETTLED
  }

  #letGo({ metadata, spec }: PersistentVolume, how: 'wholly' | 'to-its-name'): Promise<PersistentVolume> {
    const { uid, resourceVersion } = metadata
    const { uid: _, resourceVersion: __, ...byName } = spec.claimRef ?? {}
    const claimRef = how === 'wholly' ? null : { ...byName, uid: null, resourceVersion: null }
    return this.#deps.client.patch(persistentVolumes, metadata.name, {
      metadata: { uid, resourceVersion, annotations: { [BOUND_BY_CONTROLLER]: null } },
      spec: { claimRef },
    })
  }
}
