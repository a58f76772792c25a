import type { KubeObject, ObjectKey, OwnerReference } from '@bramble/api/object'
import { objectKey } from '@bramble/api/object'
import { controllerOf } from '@bramble/api/owner'
import type { Pod } from '@bramble/api/types/pod'
import type { ResourceDefinition } from '../../api/resource.ts'
import { groupVersionOf } from '../../api/resource.ts'
import type { Expected } from './plan.ts'

/** Looks at what is stored. */
export interface OwnerReads {
  all(): readonly ResourceDefinition[]
  get(resource: ResourceDefinition, key: ObjectKey): KubeObject | undefined
}

export type OwnersFound = Expected & { readonly unmanaged: readonly Pod[] }

/**
 * How many pods the owners of these want in all, each owner once. Pods without an owner are left out and named.
 * @see Source: Kubernetes pkg/controller/disruption getExpectedScale.
 */
export function expectedByOwners(pods: readonly Pod[], reads: OwnerReads): OwnersFound {
  const scales = new Map<string, number>()
  const unmanaged: Pod[] = []
  for (const pod of pods) {
    const reference = controllerOf(pod)
    if (!reference) {
      unmanaged.push(pod)
      continue
    }
    if (scales.has(reference.uid)) continue
    const scale = scaleOf(reference, pod, reads)
    if ('fault' in scale) return { fault: scale.fault, unmanaged }
    scales.set(scale.uid, scale.replicas)
    if (scale.uid !== reference.uid) scales.set(reference.uid, 0) // another ReplicaSet of a Deployment that is counted
  }
  return { pods: [...scales.values()].reduce((sum, replicas) => sum + replicas, 0), unmanaged }
}

type OwnerScale = { readonly uid: string; readonly replicas: number } | { readonly fault: string }

/** The size of the owner; of a ReplicaSet that a Deployment made, of that Deployment. */
function scaleOf(reference: OwnerReference, pod: Pod, reads: OwnerReads): OwnerScale {
  const definition = definitionOf(reference, reads)
  if (!definition)
    return { fault: `no matches for kind ${JSON.stringify(reference.kind)} in version ${JSON.stringify(reference.apiVersion)}` }
  const { scale } = definition.subresources ?? {}
  if (!scale) return { fault: `${qualified(definition)} does not implement the scale subresource` }
  const owner = reads.get(definition, objectKey(pod.metadata.namespace, reference.name))
  if (owner?.metadata.uid !== reference.uid) return { fault: `found no controllers for pod ${JSON.stringify(pod.metadata.name)}` }
  const above = controllerOf(owner)
  if (above?.kind === 'Deployment' && above.apiVersion.startsWith('apps/')) return scaleOf(above, pod, reads)
  return { uid: owner.metadata.uid, replicas: numberAt(owner, scale.specReplicas) }
}

const definitionOf = ({ apiVersion, kind }: OwnerReference, reads: OwnerReads): ResourceDefinition | undefined =>
  reads.all().find((one) => one.kind === kind && groupVersionOf(one) === apiVersion)

const qualified = ({ group, plural }: ResourceDefinition): string => (group === '' ? plural : `${plural}.${group}`)

/** @param path As `.spec.replicas`. */
function numberAt(object: KubeObject, path: string): number {
  const found = path
    .split('.')
    .filter((step) => step !== '')
    .reduce<unknown>((value, step) => (value as Record<string, unknown> | undefined)?.[step], object)
  return typeof found === 'number' ? found : 0
}
