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
export function withoutFinalizer(namespace: Namespace): Namespace {
  const finalizers = (namespace.spec?.finalizers ?? []).filter((each) => each !== NAMESPACE_FINALIZER)
  return { ...namespace, spec: { ...namespace.spec, finalizers } }
}

/**
 * What `kubectl describe namespace` says about one that does not go. The same array when it says so already.
 * @see Source: pkg/controller/namespace/deletion/status_condition_utils.go.
 */
export function remainingConditions(
  namespace: Namespace,
  remaining: readonly Remaining[],
  failure: string | undefined,
  now: Timestamp,
): readonly Condition[] {
  const left = remaining.filter(({ objects }) => objects.length > 0)
  const counts = left.map(({ resource, objects }) => `${resource} has ${objects.length} resource instances`).sort()
  const finalizers = left.flatMap(({ objects }) => objects).flatMap(({ metadata }) => metadata.finalizers ?? [])
  const waiting = [...Map.groupBy(finalizers, (each) => each)]
    .map(([finalizer, each]) => `${finalizer} in ${each.length} resource instances`)
    .sort()
  const conditions: readonly Condition[] = [
    says('NamespaceDeletionDiscoveryFailure', false, 'ResourcesDiscovered', 'All resources successfully discovered'),
    says('NamespaceDeletionGroupVersionParsingFailure', false, 'ParsedGroupVersions', 'All legacy kube types successfully parsed'),
    failure === undefined
      ? says('NamespaceDeletionContentFailure', false, 'ContentDeleted', 'All content successfully deleted, may be waiting on finalization')
      : says(
          'NamespaceDeletionContentFailure',
          true,
          'ContentDeletionFailed',
          `Failed to delete all resource types, 1 remaining: ${failure}`,
        ),
    left.length === 0
      ? says('NamespaceContentRemaining', false, 'ContentRemoved', 'All content successfully removed')
      : says('NamespaceContentRemaining', true, 'SomeResourcesRemain', `Some resources are remaining: ${counts.join(', ')}`),
    waiting.length === 0
      ? says('NamespaceFinalizersRemaining', false, 'ContentHasNoFinalizers', 'All content-preserving finalizers finished')
      : says(
          'NamespaceFinalizersRemaining',
          true,
          'SomeFinalizersRemain',
          `Some content in the namespace has finalizers remaining: ${waiting.join(', ')}`,
        ),
  ]
  return conditions.reduce<readonly Condition[]>((all, condition) => withCondition(all, condition, now), namespace.status?.conditions ?? [])
}

const says = (type: string, holds: boolean, reason: string, message: string): Condition => ({
  type,
  status: holds ? 'True' : 'False',
  reason,
  message,
})
