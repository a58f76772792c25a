import type { Ingress } from '@bramble/api/types/networking'
import type { ApiClient } from '../api/client.ts'
import type { AdmissionRequest, AdmissionStep } from '../api/requests.ts'
import { ingressClasses } from '../resources/networking/ingress-class.ts'
import { INGRESS_CLASS_ANNOTATION } from '../resources/networking/validate-ingress.ts'
import { newestFirst } from '../resources/storage/default-class.ts'

const DEFAULT_INGRESS_CLASS = 'ingressclass.kubernetes.io/is-default-class'

/**
 * A new Ingress that names no class gets the default one, if there is one.
 * @see Source: Kubernetes plugin/pkg/admission/network/defaultingressclass.
 */
export class DefaultIngressClass implements AdmissionStep {
  readonly name = 'DefaultIngressClass'
  readonly #reads: Pick<ApiClient, 'list'>

  constructor(reads: Pick<ApiClient, 'list'>) {
    this.#reads = reads
  }

  admit({ operation, resource, object }: AdmissionRequest): void {
    if (operation !== 'create' || resource.group !== 'networking.k8s.io' || resource.kind !== 'Ingress') return
    const { spec, metadata } = object as Ingress
    if (spec.ingressClassName !== undefined || metadata.annotations?.[INGRESS_CLASS_ANNOTATION] !== undefined) return
    const defaults = this.#reads.list(ingressClasses).filter((one) => one.metadata.annotations?.[DEFAULT_INGRESS_CLASS] === 'true')
    const [chosen] = newestFirst(defaults)
    if (chosen) spec.ingressClassName = chosen.metadata.name
  }
}
