import { isDeepStrictEqual } from 'node:util'
import type { KubeObject } from '@bramble/api/object'
import type { Pod, Volume } from '@bramble/api/types/pod'
import { deepFreeze } from '../../store/frozen.ts'

/** Volumes by which pods use the API are called so, and five letters. */
export const API_ACCESS_PREFIX = 'kube-api-access-'

/** What such a volume holds: the same in every pod. Source: Kubernetes plugin/pkg/admission/serviceaccount, TokenVolumeSource. */
export const API_ACCESS: NonNullable<Volume['projected']> = deepFreeze({
  defaultMode: 0o644,
  sources: [
    { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } },
    { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
  ],
})

/** Makes a pod that was just read from the disk use what all others use. In place; what is frozen is shared already. */
export function shareApiAccess(object: KubeObject): void {
  if (object.kind !== 'Pod' || Object.isFrozen(object)) return
  for (const volume of (object as Pod).spec.volumes ?? [])
    if (volume.name.startsWith(API_ACCESS_PREFIX) && isDeepStrictEqual(volume.projected, API_ACCESS)) volume.projected = API_ACCESS
}
