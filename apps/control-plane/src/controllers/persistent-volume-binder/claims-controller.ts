import { keyOf, type ObjectKey, objectKey } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import type { PersistentVolumeClaim } from '@bramble/api/types/volume'
import { type Outcome, type Reconciler, SETTLED } from '@bramble/reconcile/reconciler'
import type { ApiClient } from '../../api/client.ts'
import { persistentVolumeClaims } from '../../resources/persistent-volume-claim.ts'
import { persistentVolumes } from '../../resources/persistent-volume.ts'
import { isDefaultStorageClass, newestFirst } from '../../resources/storage/default-class.ts'
import { storageClasses } from '../../resources/storage/storage-class.ts'
import { type ControllerDefinition, type ControllerDeps, wake } from '../controller.ts'
import { bind, markUnbound } from './bind.ts'
import { annotation, BETA_STORAGE_PROVISIONER, BIND_COMPLETED, classNameOf, STORAGE_PROVISIONER } from './names.ts'
import { type ClaimPlan, planClaim } from './plan-claim.ts'

/** Finds volumes for claims, has some made, and says which claims have lost theirs. */
export const claimBinder: ControllerDefinition = {
  name: 'persistent-volume-claim-binder',
  component: 'persistentvolume-controller',
  primary: persistentVolumeClaims,
  wakes: [
    wake(persistentVolumes, ({ object: { metadata, spec }, type }, client) => {
      if (spec.claimRef) return [objectKey(spec.claimRef.namespace, spec.claimRef.name ?? '')]
      const concerned = (claim: PersistentVolumeClaim): boolean =>
        type === 'DELETED' ? claim.spec.volumeName === metadata.name : isWaiting(claim) || claim.spec.volumeName === metadata.name
      return client.list(persistentVolumeClaims).filter(concerned).map(keyOf)
    }),
    wake(storageClasses, (_, client) => client.list(persistentVolumeClaims).filter(isWaiting).map(keyOf)),
  ],
  concurrency: 1, // two claims that look for a volume at once would find the same one
  create: (deps) => new ClaimReconciler(deps),
}

const isWaiting = (claim: PersistentVolumeClaim): boolean => annotation(claim, BIND_COMPLETED) === undefined

class ClaimReconciler implements Reconciler<ObjectKey> {
  readonly #deps: ControllerDeps

  constructor(deps: ControllerDeps) {
    this.#deps = deps
  }

  async reconcile(key: ObjectKey): Promise<Outcome> {
    const { client, events } = this.#deps
    const claim = client.get(persistentVolumeClaims, key)
    if (!claim || (claim.metadata.deletionTimestamp && isWaiting(claim))) return SETTLED
    const plan = planClaim(claim, {
      volumes: client.list(persistentVolumes),
      storageClass: client.get(storageClasses, classNameOf(claim)),
      defaultClassName: newestFirst(client.list(storageClasses).filter(isDefaultStorageClass))[0]?.metadata.name,
    })
    try {
      await act(client, claim, plan)
    } catch (error) {
      if (isReason(error, 'NotFound')) return SETTLED // gone meanwhile: its event wakes us
      if (isReason(error, 'Conflict')) return { againInMs: 0 }
      throw error
    }
    if ((plan.do === 'wait' || plan.do === 'lose') && plan.tell) events.record(claim, plan.tell.type, plan.tell.reason, plan.tell.message)
    return SETTLED
  }
}

async function act(client: ApiClient, claim: PersistentVolumeClaim, plan: ClaimPlan): Promise<void> {
  switch (plan.do) {
    case 'bind':
      return await bind(client, plan.volume, claim)
    case 'lose':
      return await markUnbound(client, claim, 'Lost')
    case 'name-class':
      return void (await client.patch(persistentVolumeClaims, keyOf(claim), {
        metadata: { uid: claim.metadata.uid, resourceVersion: claim.metadata.resourceVersion },
        spec: { storageClassName: plan.className },
      }))
    case 'wait':
      await markUnbound(client, claim, 'Pending')
      if (plan.provisioner !== undefined && annotation(claim, STORAGE_PROVISIONER) !== plan.provisioner)
        await client.patch(persistentVolumeClaims, keyOf(claim), {
          metadata: {
            uid: claim.metadata.uid,
            annotations: { [STORAGE_PROVISIONER]: plan.provisioner, [BETA_STORAGE_PROVISIONER]: plan.provisioner },
          },
        })
  }
}
