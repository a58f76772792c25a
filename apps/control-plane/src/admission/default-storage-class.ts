import type { KubeObject } from '@bramble/api/object'
import type { ApiClient } from '../api/client.ts'
import type { AdmissionRequest, AdmissionStep } from '../api/requests.ts'
import { isDefaultStorageClass, newestFirst } from '../resources/storage/default-class.ts'
import { storageClasses } from '../resources/storage/storage-class.ts'

/** How a claim named its class before the field was there. */
const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class'

type Claim = KubeObject & { spec: { storageClassName?: string } }

/**
 * A new claim that names no class gets the default one, if there is one; `storageClassName: ""` is a name.
 * @see Source: Kubernetes plugin/pkg/admission/storage/storageclass/setdefault.
 */
export class DefaultStorageClass implements AdmissionStep {
  readonly name = 'DefaultStorageClass'
  readonly #reads: Pick<ApiClient, 'list'>

  constructor(reads: Pick<ApiClient, 'list'>) {
    this.#reads = reads
  }

  admit({ operation, resource, object }: AdmissionRequest): void {
    if (operation !== 'create' || resource.group !== '' || resource.kind !== 'PersistentVolumeClaim') return
    const { spec, metadata } = object as Claim
    if (spec.storageClassName !== undefined || metadata.annotations?.[CLASS_ANNOTATION] !== undefined) return
    const [chosen] = newestFirst(this.#reads.list(storageClasses).filter(isDefaultStorageClass))
    if (chosen) spec.storageClassName = chosen.metadata.name
  }
}
