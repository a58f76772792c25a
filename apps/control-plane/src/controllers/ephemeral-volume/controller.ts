import { keyOf, type NewObject, type ObjectKey, objectKey } from '@bramble/api/object'
import { controllerOf, controllerReference } from '@bramble/api/owner'
import { isReason } from '@bramble/api/status-error'
import type { Pod, Volume } from '@bramble/api/types/pod'
import type { ClaimTemplate, PersistentVolumeClaim } from '@bramble/api/types/volume'
import { type Outcome, type Reconciler, SETTLED } from '@bramble/reconcile/reconciler'
import { persistentVolumeClaims } from '../../resources/persistent-volume-claim.ts'
import { pods } from '../../resources/pod.ts'
import { type ControllerDefinition, type ControllerDeps, wake } from '../controller.ts'

/**
 * Makes the claims of generic ephemeral volumes: each is its pod's, and goes with it.
 * @see Source: Kubernetes pkg/controller/volume/ephemeral.
 */
export const ephemeralVolumeController: ControllerDefinition = {
  name: 'ephemeral-volume',
  primary: pods,
  wakes: [
    wake(persistentVolumeClaims, ({ type, object }) => {
      const owner = type === 'DELETED' ? controllerOf(object) : undefined
      return owner?.kind === 'Pod' ? [objectKey(object.metadata.namespace, owner.name)] : []
    }),
  ],
  concurrency: 2,
  create: (deps) => new EphemeralVolumeReconciler(deps),
}

class EphemeralVolumeReconciler implements Reconciler<ObjectKey> {
  readonly #deps: ControllerDeps

  constructor(deps: ControllerDeps) {
    this.#deps = deps
  }

  async reconcile(key: ObjectKey): Promise<Outcome> {
    const { client, events } = this.#deps
    const pod = client.get(pods, key)
    if (!pod || pod.metadata.deletionTimestamp) return SETTLED
    for (const volume of pod.spec.volumes ?? []) {
      if (!volume.ephemeral) continue
      const claim = claimOf(pod, volume)
      const found = client.get(persistentVolumeClaims, keyOf(claim as unknown as PersistentVolumeClaim))
      if (found && controllerOf(found)?.uid === pod.metadata.uid) continue
      const tell = (why: string): void => events.record(pod, 'Warning', 'FailedBinding', `ephemeral volume ${volume.name}: ${why}`)
      if (found) {
        tell(`PVC ${keyOf(found)} was not created for pod ${key} (pod is not owner)`)
        continue
      }
      try {
        await client.create(persistentVolumeClaims, claim)
      } catch (error) {
        if (isReason(error, 'AlreadyExists')) return { againInMs: 0 }
        tell(`create PVC ${key}-${volume.name}: ${error instanceof Error ? error.message : String(error)}`)
        throw error
      }
    }
    return SETTLED
  }
}

function claimOf(pod: Pod, { name, ephemeral }: Volume): NewObject<PersistentVolumeClaim> {
  const { metadata = {}, spec } = ephemeral!.volumeClaimTemplate as ClaimTemplate
  const { labels, annotations } = metadata
  return {
    metadata: {
      name: `${pod.metadata.name}-${name}`,
      namespace: pod.metadata.namespace!,
      ...(labels && { labels: { ...labels } }),
      ...(annotations && { annotations: { ...annotations } }),
      ownerReferences: [controllerReference('v1', 'Pod', pod)],
    },
    spec: structuredClone(spec),
  }
}
