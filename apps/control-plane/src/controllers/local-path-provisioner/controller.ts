import { keyOf, mutableCopy, type ObjectKey } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import {
  LOCAL_PATH_PROVISIONER,
  type PersistentVolume,
  type PersistentVolumeClaim,
  PROVISIONED_BY,
  VOLUME_FINALIZER,
  VOLUME_NODE,
} from '@bramble/api/types/volume'
import { type Outcome, type Reconciler, SETTLED } from '@bramble/reconcile/reconciler'
import { nodes } from '../../resources/node.ts'
import { persistentVolumeClaims } from '../../resources/persistent-volume-claim.ts'
import { persistentVolumes } from '../../resources/persistent-volume.ts'
import { storageClasses } from '../../resources/storage/storage-class.ts'
import { type ControllerDefinition, type ControllerDeps, wake } from '../controller.ts'
import { annotation, classNameOf, SELECTED_NODE, STORAGE_PROVISIONER } from '../persistent-volume-binder/names.ts'
import { askedGrowth, planProvision, planRemoval, volumeNameOf } from './plan.ts'

const COMPONENT = 'local-path-provisioner'

/** Makes the volumes of classes whose provisioner is `bramble.dev/local-path`, once a node has been chosen for them. */
export const localPathProvisioner: ControllerDefinition = {
  name: 'local-path-provisioner',
  component: COMPONENT,
  primary: persistentVolumeClaims,
  wakes: [
    wake(nodes, ({ type, object: { metadata } }, client) =>
      type === 'DELETED'
        ? client
            .list(persistentVolumeClaims)
            .filter((claim) => annotation(claim, SELECTED_NODE) === metadata.name && !claim.spec.volumeName)
            .map(keyOf)
        : [],
    ),
  ],
  concurrency: 2,
  create: (deps) => new ClaimReconciler(deps),
}

/** Lets go of volumes whose folder nobody removes: that are to stay, or whose node is gone. */
export const localPathRemover: ControllerDefinition = {
  name: 'local-path-remover',
  component: COMPONENT,
  primary: persistentVolumes,
  wakes: [
    wake(nodes, ({ type, object: { metadata } }, client) =>
      type === 'MODIFIED'
        ? []
        : client
            .list(persistentVolumes)
            .filter((volume) => annotation(volume, VOLUME_NODE) === metadata.name)
            .map(keyOf),
    ),
  ],
  concurrency: 1,
  create: (deps) => new VolumeReconciler(deps),
}

class ClaimReconciler implements Reconciler<ObjectKey> {
  readonly #deps: ControllerDeps

  constructor(deps: ControllerDeps) {
    this.#deps = deps
  }

  async reconcile(key: ObjectKey): Promise<Outcome> {
    const claim = this.#deps.client.get(persistentVolumeClaims, key)
    if (!claim || claim.metadata.deletionTimestamp) return SETTLED
    try {
      if (claim.spec.volumeName) await this.#grow(claim)
      else if (annotation(claim, STORAGE_PROVISIONER) === LOCAL_PATH_PROVISIONER) await this.#provision(claim)
    } catch (error) {
      if (!isReason(error, 'NotFound', 'Conflict', 'AlreadyExists')) throw error // it has changed: its event wakes us
    }
    return SETTLED
  }

  async #provision(claim: PersistentVolumeClaim): Promise<void> {
    const { client, events } = this.#deps
    const storageClass = client.get(storageClasses, classNameOf(claim))
    if (storageClass?.provisioner !== LOCAL_PATH_PROVISIONER || client.get(persistentVolumes, volumeNameOf(claim))) return
    const plan = planProvision(claim, storageClass, (name) => client.get(nodes, name))
    if (plan.do === 'make') {
      const { metadata } = await client.create(persistentVolumes, plan.volume)
      events.record(claim, 'Normal', 'ProvisioningSucceeded', `Successfully provisioned volume ${metadata.name}`)
    } else if (plan.do === 'refuse') {
      const what = `failed to provision volume with StorageClass "${storageClass.metadata.name}"`
      events.record(claim, 'Warning', 'ProvisioningFailed', `${what}: ${plan.message}`)
      if (!plan.chooseAgain) return
      const { uid, resourceVersion } = claim.metadata
      await client.patch(persistentVolumeClaims, keyOf(claim), {
        metadata: { uid, resourceVersion, annotations: { [SELECTED_NODE]: null } },
      })
    }
  }

  /** A folder grows by itself: what is asked for is written down. */
  async #grow(claim: PersistentVolumeClaim): Promise<void> {
    const { client, events } = this.#deps
    const volume = client.get(persistentVolumes, claim.spec.volumeName!)
    if (!volume || annotation(volume, PROVISIONED_BY) !== LOCAL_PATH_PROVISIONER || claim.status?.phase !== 'Bound') return
    const storage = askedGrowth(claim, volume)
    if (storage === undefined) return
    await client.patch(persistentVolumes, keyOf(volume), { spec: { capacity: { storage } } })
    await client.updateStatus(persistentVolumeClaims, { ...mutableCopy(claim), status: { ...claim.status, capacity: { storage } } })
    events.record(claim, 'Normal', 'VolumeResizeSuccessful', 'Resize volume succeeded')
  }
}

class VolumeReconciler implements Reconciler<ObjectKey> {
  readonly #deps: ControllerDeps

  constructor(deps: ControllerDeps) {
    this.#deps = deps
  }

  async reconcile(name: ObjectKey): Promise<Outcome> {
    const { client, events } = this.#deps
    const volume = client.get(persistentVolumes, name)
    if (!volume || annotation(volume, PROVISIONED_BY) !== LOCAL_PATH_PROVISIONER) return SETTLED
    const nodeName = annotation(volume, VOLUME_NODE) ?? ''
    const plan = planRemoval(volume, client.get(nodes, nodeName) !== undefined)
    if (plan === 'let-go') await this.#letGo(volume)
    else if (plan === 'tell-node-gone')
      events.record(
        volume,
        'Warning',
        'VolumeFailedDelete',
        `node "${nodeName}" is not part of the cluster: nobody can remove the folder; delete the PersistentVolume if the node does not come back`,
      )
    return SETTLED
  }

  async #letGo({ metadata: { name, uid, resourceVersion, finalizers = [] } }: PersistentVolume): Promise<void> {
    if (!finalizers.includes(VOLUME_FINALIZER)) return
    try {
      await this.#deps.client.patch(persistentVolumes, name, {
        metadata: { uid, resourceVersion, finalizers: finalizers.filter((each) => each !== VOLUME_FINALIZER) },
      })
    } catch (error) {
      if (!isReason(error, 'NotFound', 'Conflict')) throw error // it has changed: its event wakes us
    }
  }
}
