import type { Deployment, ReplicaSet } from '@bramble/api/types/workload'
import { DESIRED_REPLICAS, fenceposts, MAX_REPLICAS, replicasOf, REVISION, REVISION_HISTORY, revisionOf } from './replica-sets.ts'

type Annotations = Readonly<Record<string, string>>

/** What a set must not inherit from its Deployment. Source: deployment util, annotationsToSkip. */
const OWN = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  'deprecated.deployment.rollback.to',
])

/** Annotations of the set for the present template: inherited ones (as `kubernetes.io/change-cause`) and the revision. */
export function currentAnnotations(deployment: Deployment, current: ReplicaSet | undefined, old: readonly ReplicaSet[]): Annotations {
  const inherited = Object.entries(deployment.metadata.annotations ?? {}).filter(([name]) => !OWN.has(name))
  return { ...Object.fromEntries(inherited), ...revisionAnnotations(current, 1 + Math.max(0, ...old.map(revisionOf))) }
}

/** An old set that became the present one again gets a new number and remembers the ones it had. */
function revisionAnnotations(current: ReplicaSet | undefined, next: number): Annotations {
  const before = current ? revisionOf(current) : 0
  if (before >= next) return { [REVISION]: String(before) }
  if (before === 0) return { [REVISION]: String(next) }
  const history = current?.metadata.annotations?.[REVISION_HISTORY]
  return { [REVISION]: String(next), [REVISION_HISTORY]: history ? `${history},${before}` : String(before) }
}

/** How large the Deployment was when a set was sized: a later difference is a scale, not a rollout. */
export const sizeAnnotations = (deployment: Deployment): Annotations => ({
  [DESIRED_REPLICAS]: String(replicasOf(deployment)),
  [MAX_REPLICAS]: String(replicasOf(deployment) + fenceposts(deployment).surgeMax),
})

/** Those of `wanted` that the object does not have; undefined when it has all. */
export function missingAnnotations(
  object: { readonly metadata: { readonly annotations?: Annotations } },
  wanted: Annotations,
): Annotations | undefined {
  const missing = Object.entries(wanted).filter(([name, value]) => object.metadata.annotations?.[name] !== value)
  return missing.length === 0 ? undefined : Object.fromEntries(missing)
}
