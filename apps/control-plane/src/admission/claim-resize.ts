import { memoryBytes } from '@bramble/api/quantity'
import { forbidden } from '@bramble/api/status-error'
import type { PersistentVolumeClaim } from '@bramble/api/types/volume'
import type { ApiClient } from '../api/client.ts'
import type { AdmissionRequest, AdmissionStep } from '../api/requests.ts'
import { storageClasses } from '../resources/storage/storage-class.ts'
import { classOf } from '../resources/volume-claim-spec/volume-rules.ts'

/**
 * A claim may ask for more once it is bound, where its class lets it.
 * @see Source: Kubernetes plugin/pkg/admission/storage/persistentvolume/resize.
 */
export class ClaimResize implements AdmissionStep {
  readonly name = 'PersistentVolumeClaimResize'
  readonly #reads: Pick<ApiClient, 'get'>

  constructor(reads: Pick<ApiClient, 'get'>) {
    this.#reads = reads
  }

  admit({ operation, resource, subresource, object, previous }: AdmissionRequest): void {
    if (operation !== 'update' || subresource !== undefined) return
    if (resource.group !== '' || resource.kind !== 'PersistentVolumeClaim') return
    const before = previous as PersistentVolumeClaim
    if (askedBytes(object as PersistentVolumeClaim) <= askedBytes(before)) return
    if (before.status?.phase !== 'Bound')
      throw forbidden(resource, object.metadata.name, 'Only bound persistent volume claims can be expanded')
    if (!this.#reads.get(storageClasses, classOf(before))?.allowVolumeExpansion)
      throw forbidden(
        resource,
        object.metadata.name,
        'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
      )
  }
}

const askedBytes = ({ spec }: PersistentVolumeClaim): number => memoryBytes(spec.resources?.requests?.['storage'])
