import { forbidden } from '@bramble/api/status-error'
import type { Pod } from '@bramble/api/types/pod'
import type { PriorityClass } from '@bramble/api/types/scheduling'
import type { ApiClient } from '../api/client.ts'
import type { AdmissionRequest, AdmissionStep } from '../api/requests.ts'
import type { PodSpecRest } from '../resources/pod-spec/pod-spec-rest.ts'
import { priorityClasses, SYSTEM_PRIORITIES } from '../resources/scheduling/priority-class.ts'

/**
 * A pod has the priority of its class, or of the class for all pods that name none; at most one class is that. The classes
 * of the system stay.
 * @see Source: Kubernetes plugin/pkg/admission/priority.
 */
export class PodPriority implements AdmissionStep {
  readonly name = 'Priority'
  readonly #reads: Pick<ApiClient, 'get' | 'list'>

  constructor(reads: Pick<ApiClient, 'get' | 'list'>) {
    this.#reads = reads
  }

  admit(request: AdmissionRequest): void {
    const { operation, resource, subresource, object } = request
    if (subresource !== undefined) return
    if (resource.group === '' && resource.kind === 'Pod' && operation === 'create') this.#admitPod(request)
    if (resource.group !== priorityClasses.group || resource.kind !== priorityClasses.kind) return
    if (operation !== 'delete') this.#admitClass(request)
    else if (SYSTEM_PRIORITIES.has(object.metadata.name))
      throw forbidden(resource, object.metadata.name, 'this is a system priority class and cannot be deleted')
  }

  #admitPod({ resource, object }: AdmissionRequest): void {
    const { spec, metadata } = object as Pod & { spec: PodSpecRest }
    const found = spec.priorityClassName ? this.#reads.get(priorityClasses, spec.priorityClassName) : this.#defaultClass()
    if (spec.priorityClassName && !found)
      throw forbidden(resource, metadata.name, `no PriorityClass with name ${spec.priorityClassName} was found`)

    const priority = found?.value ?? 0
    const policy = found?.preemptionPolicy ?? 'PreemptLowerPriority'
    const demandSame = (what: string, given: number | string | undefined, computed: number | string): void => {
      if (given === undefined || given === computed) return
      const why = `priority admission controller computed ${computed} from the given PriorityClass name`
      throw forbidden(resource, metadata.name, `the ${what} (${given}) must not be provided in pod spec; ${why}`)
    }
    demandSame('integer value of priority', spec.priority, priority)
    demandSame('string value of PreemptionPolicy', spec.preemptionPolicy, policy)
    if (found) spec.priorityClassName = found.metadata.name
    spec.priority = priority
    spec.preemptionPolicy = policy
  }

  #admitClass({ resource, object, operation }: AdmissionRequest): void {
    const { metadata, globalDefault } = object as PriorityClass
    const current = globalDefault ? this.#defaultClass() : undefined
    if (!current || (operation === 'update' && current.metadata.name === metadata.name)) return
    throw forbidden(
      resource,
      metadata.name,
      `PriorityClass ${current.metadata.name} is already marked as default. Only one default can exist`,
    )
  }

  /** Should there be several, the lowest: then no pod is more important than it was meant to be. */
  #defaultClass(): PriorityClass | undefined {
    return this.#reads
      .list(priorityClasses)
      .filter(({ globalDefault }) => globalDefault)
      .sort((a, b) => (a.value ?? 0) - (b.value ?? 0))[0]
  }
}
