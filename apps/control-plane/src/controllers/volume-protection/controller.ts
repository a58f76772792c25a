import { type KubeObject, keyOf, type ObjectKey, objectKey } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import type { Pod } from '@bramble/api/types/pod'
import { type Reconciler, SETTLED } from '@bramble/reconcile/reconciler'
import type { ApiClient } from '../../api/client.ts'
import type { ResourceDefinition } from '../../api/resource.ts'
import { persistentVolumeClaims } from '../../resources/persistent-volume-claim.ts'
import { persistentVolumes } from '../../resources/persistent-volume.ts'
import { claimNameOf } from '../../resources/pod-spec/named-by.ts'
import { pods } from '../../resources/pod.ts'
import { CLAIM_PROTECTION, VOLUME_PROTECTION } from '../../resources/volume-claim-spec/protection.ts'
import { type ControllerDefinition, type ControllerDeps, wake } from '../controller.ts'

// What is deleted while it is used goes when it is used no more: a finalizer holds it until then.
// Source: Kubernetes pkg/controller/volume/pvcprotection, pvprotection.

/** Lets claims go that no pod on a node uses any more. */
export const claimProtection: ControllerDefinition = {
  name: 'pvc-protection',
  primary: persistentVolumeClaims,
  wakes: [wake(pods, ({ type, object }) => (type === 'DELETED' ? claimKeysOf(object) : []))],
  concurrency: 1,
  create: (deps) => protector(deps, persistentVolumeClaims, CLAIM_PROTECTION, isClaimUsed),
}

/** Lets volumes go that are not bound any more. */
export const volumeProtection: ControllerDefinition = {
  name: 'pv-protection',
  primary: persistentVolumes,
  wakes: [],
  concurrency: 1,
  create: (deps) => protector(deps, persistentVolumes, VOLUME_PROTECTION, ({ status }) => status?.phase === 'Bound'),
}

function protector<T extends KubeObject>(
  { client }: ControllerDeps,
  resource: ResourceDefinition<T>,
  finalizer: string,
  isUsed: (object: T, client: ApiClient) => boolean,
): Reconciler<ObjectKey> {
  return {
    reconcile: async (key) => {
      const object = client.get(resource, key)
      if (!object) return SETTLED
      const { uid, resourceVersion, finalizers = [], deletionTimestamp } = object.metadata
      const isHeld = finalizers.includes(finalizer)
      const write = (next: readonly string[]): Promise<T> =>
        client.patch(resource, key, { metadata: { uid, resourceVersion, finalizers: next } })
      try {
        if (!deletionTimestamp && !isHeld) await write([...finalizers, finalizer])
        else if (deletionTimestamp && isHeld && !isUsed(object, client)) await write(finalizers.filter((each) => each !== finalizer))
      } catch (error) {
        if (!isReason(error, 'NotFound', 'Conflict')) throw error // it has changed: its event wakes us
      }
      return SETTLED
    },
  }
}

/** A pod without a node has nothing mounted, and will get no node while the claim is going. */
const isClaimUsed = (claim: KubeObject, client: ApiClient): boolean =>
  client.list(pods, { namespace: claim.metadata.namespace! }).some((pod) => pod.spec.nodeName && claimKeysOf(pod).includes(keyOf(claim)))

const claimKeysOf = ({ metadata: { namespace, name }, spec }: Pod): readonly ObjectKey[] =>
  (spec.volumes ?? []).flatMap((volume) => {
    const claimName = claimNameOf(volume, name)
    return claimName ? [objectKey(namespace, claimName)] : []
  })
