import type { AdmissionRequest, AdmissionStep } from '../api/requests.ts'
import { CLAIM_PROTECTION, VOLUME_PROTECTION } from '../resources/volume-claim-spec/protection.ts'

const FINALIZERS: ReadonlyMap<string, string> = new Map([
  ['PersistentVolumeClaim', CLAIM_PROTECTION],
  ['PersistentVolume', VOLUME_PROTECTION],
])

/** New claims and volumes are held from their first moment. Source: Kubernetes plugin/pkg/admission/storage/storageobjectinuseprotection. */
export const storageProtection: AdmissionStep = {
  name: 'StorageObjectInUseProtection',
  admit: ({ operation, resource, object: { metadata } }: AdmissionRequest) => {
    const finalizer = resource.group === '' ? FINALIZERS.get(resource.kind) : undefined
    if (operation !== 'create' || finalizer === undefined || metadata.finalizers?.includes(finalizer)) return
    metadata.finalizers = [...(metadata.finalizers ?? []), finalizer]
  },
}
