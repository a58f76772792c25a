import { type Condition, withCondition } from '@bramble/api/conditions'
import type { KubeObject, Timestamp } from '@bramble/api/object'
import type { Namespace } from '@bramble/api/types/core'

export const NAMESPACE_FINALIZER = 'kubernetes'

/** What is left of one kind. `resource` as people write it: `pods`, `deployments.apps`. */
export interface Remaining {
  readonly resource: string
  readonly objects: readonly KubeObject[]
}

/** A namespace without our finalizer in its spec; others have theirs there as well. */
export const withoutFinalizer = (namespace: Namespace): Namespace =>
  ({ ...namespace, spec: { ...namespace.spec, finalizers: (namespace.spec?.finalizers ?? []).filter((each) => each !== NAMESPACE_FINALIZER) } })

/**
 * What `kubectl describe namespace` says about one that does not go. The same array when it says so already.
 * @see Source: pkg/controller/namespace/deletion/status_condition_utils.go.
 */
export function remainingConditions(namespace: Namespace, remaining: readonly Remaining[], failure: string | undefined, now: Timestamp): readonly Condition[] {
  const left = remaining.filter(({ objects }) => objects.length > 0)
  const counts = left.map(({ resource, objects }) => `${resource} has ${objects.length} resource instances`).sort()
  const finalizers = Map.groupBy(left.flatMap(({ objects }) => objects.flatMap(({ metadata }) => metadata.finalizers ?? [])), (each) => each)
  const waiting = [...finalizers].map(([finalizer, each]) => `${finalizer} in ${each.length} resource instances`).sort()
  const conditions: readonly Condition[] = [
    { type: 'NamespaceDeletionDiscoveryFailure', status: 'False', reason: 'ResourcesDiscovered', message: 'All resources successfully discovered' },
    { type: 'NamespaceDeletionGroupVersionParsingFailure', status: 'False', reason: 'ParsedGroupVersions', message: 'All legacy kube types successfully parsed' },
    failure === undefined
      ? { type: 'NamespaceDeletionContentFailure', status: 'False', reason: 'ContentDeleted', message: 'All content successfully deleted, may be waiting on finalization' }
      : { type: 'NamespaceDeletionContentFailure', status: 'True', reason: 'ContentDeletionFailed', message: `Failed to delete all resource types, 1 remaining: ${failure}` },
    left.length === 0
      ? { type: 'NamespaceContentRemaining', status: 'False', reason: 'ContentRemoved', message: 'All content successfully removed' }
      : { type: 'NamespaceContentRemaining', status: 'True', reason: 'SomeResourcesRemain', message: `Some resources are remaining: ${counts.join(', ')}` },
    waiting.length === 0
      ? { type: 'NamespaceFinalizersRemaining', status: 'False', reason: 'ContentHasNoFinalizers', message: 'All content-preserving finalizers finished' }
      : { type: 'NamespaceFinalizersRemaining', status: 'True', reason: 'SomeFinalizersRemain', message: `Some content in the namespace has finalizers remaining: ${waiting.join(', ')}` },
  ]
  return conditions.reduce<readonly Condition[]>((all, condition) => withCondition(all, condition, now), namespace.status?.conditions ?? [])
}
