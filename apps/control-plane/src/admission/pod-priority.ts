import { forbidden } from '@bramble/api/status-error'
import type { Pod } from '@bramble/api/types/pod'
import type { AdmissionRequest, AdmissionStep } from '../api/requests.ts'
import type { PodSpecRest } from '../resources/pod-spec/pod-spec-rest.ts'

/** The classes that every cluster has. Source: Kubernetes pkg/apis/scheduling/v1 helpers.go, SystemPriorityClasses. */
const CLASSES: ReadonlyMap<string, number> = new Map([
  ['system-node-critical', 2_000_001_000],
  ['system-cluster-critical', 2_000_000_000],
])

/** Source: Kubernetes plugin/pkg/admission/priority. */
export const podPriority: AdmissionStep = {
  name: 'Priority',
  admit: ({ operation, resource, object }: AdmissionRequest) => {
    if (operation !== 'create' || resource.group !== '' || resource.kind !== 'Pod') return
    const { spec, metadata }: Pod = object as Pod
    const priority = spec.priorityClassName ? CLASSES.get(spec.priorityClassName) : 0
    if (priority === undefined) throw forbidden(resource, metadata.name, `no PriorityClass with name ${spec.priorityClassName} was found`)
    if (spec.priority !== undefined && spec.priority !== priority)
      throw forbidden(
        resource,
        metadata.name,
        `the integer value of priority (${spec.priority}) must not be provided in pod spec; ` +
          `priority admission controller computed ${priority} from the given PriorityClass name`,
      )
    spec.priority = priority
    ;(spec as PodSpecRest).preemptionPolicy ??= 'PreemptLowerPriority'
  },
}
