import type { Deployment, ReplicaSet } from '@bramble/api/types/workload'
import {
  availableOf,
  DESIRED_REPLICAS,
  fenceposts,
  isRolling,
  MAX_REPLICAS,
  newestFirst,
  oldestFirst,
  replicasOf,
  sum,
} from './replica-sets.ts'

/** How large each ReplicaSet shall be, by name; what is not named stays as it is. */
export type Sizes = ReadonlyMap<string, number>

/**
 * One step of a rolling update: at most `maxSurge` pods too many, at most `maxUnavailable` missing, in every step.
 * @see Source: Kubernetes Deployment concepts, "Rolling Update Deployment".
 */
export function rollingSizes(deployment: Deployment, current: ReplicaSet, old: readonly ReplicaSet[]): Sizes {
  const grown = growth(deployment, current, old)
  if (grown !== replicasOf(current)) return new Map([[current.metadata.name, grown]])
  return shrunk(deployment, current, [...old].sort(oldestFirst))
}

/** How large the set of the present template may be now; for one that is yet to be made as well. */
export function growth(deployment: Deployment, current: Pick<ReplicaSet, 'spec'>, old: readonly ReplicaSet[]): number {
  const wanted = replicasOf(deployment)
  const size = replicasOf(current)
  if (size >= wanted) return wanted
  const room = wanted + fenceposts(deployment).surgeMax - size - sum(old, podsOf)
  return size + Math.max(0, Math.min(room, wanted - size))
}

/** Old sets after giving up what may be missed: first pods that do not work anyhow, then working ones, oldest set first. */
function shrunk(deployment: Deployment, current: ReplicaSet, old: readonly ReplicaSet[]): Sizes {
  const availableMin = replicasOf(deployment) - fenceposts(deployment).unavailableMax
  const unavailableNew = Math.max(0, replicasOf(current) - availableOf(current))
  const sizes = new Map<string, number>()
  let removable = replicasOf(current) + sum(old, replicasOf) - availableMin - unavailableNew
  let removableAvailable = availableOf(current) + sum(old, availableIn) - availableMin

  for (const set of old) {
    const broken = Math.max(0, Math.min(replicasOf(set) - availableIn(set), removable))
    if (broken > 0) sizes.set(set.metadata.name, replicasOf(set) - broken)
    removable -= broken
  }
  for (const set of old) {
    const size = sizes.get(set.metadata.name) ?? replicasOf(set)
    const working = Math.max(0, Math.min(size, removable, removableAvailable))
    if (working > 0) sizes.set(set.metadata.name, size - working)
    removable -= working
    removableAvailable -= working
  }
  return sizes
}

/** A set that was told to shrink holds its pods until it has done so. */
const podsOf = (set: ReplicaSet): number => Math.max(replicasOf(set), set.status?.replicas ?? 0)

/** The status may still tell of pods that a smaller size has given up already. */
const availableIn = (set: ReplicaSet): number => Math.min(availableOf(set), replicasOf(set))

/** Whether `spec.replicas` was changed since the sets were last sized. */
export const isScaling = (deployment: Deployment, sets: readonly ReplicaSet[]): boolean =>
  sets.some(
    (set) =>
      replicasOf(set) > 0 && Number(set.metadata.annotations?.[DESIRED_REPLICAS] ?? replicasOf(deployment)) !== replicasOf(deployment),
  )

/**
 * Sizes after a scale: one set takes all; in the middle of a rollout old and new sets grow or shrink in proportion.
 * @see Source: Kubernetes Deployment concepts, "Proportional scaling".
 */
export function scaledSizes(deployment: Deployment, current: ReplicaSet | undefined, old: readonly ReplicaSet[]): Sizes {
  const wanted = replicasOf(deployment)
  const sets = current ? [current, ...old] : old
  const active = sets.filter((set) => replicasOf(set) > 0)
  const only = active.length === 0 ? (current ?? [...old].sort(newestFirst)[0]) : active.length === 1 ? active[0] : undefined
  if (only) return new Map([[only.metadata.name, wanted]])
  if (current && isSaturated(deployment, current))
    return new Map(active.filter((set) => set !== current).map((set) => [set.metadata.name, 0]))
  return isRolling(deployment) ? proportional(deployment, active) : new Map()
}

const isSaturated = (deployment: Deployment, current: ReplicaSet): boolean => {
  const wanted = replicasOf(deployment)
  return (
    replicasOf(current) === wanted && availableOf(current) === wanted && Number(current.metadata.annotations?.[DESIRED_REPLICAS]) === wanted
  )
}

function proportional(deployment: Deployment, active: readonly ReplicaSet[]): Sizes {
  const wanted = replicasOf(deployment)
  const allowed = wanted > 0 ? wanted + fenceposts(deployment).surgeMax : 0
  const toAdd = allowed - sum(active, replicasOf)
  const largestFirst = [...active].sort((a, b) => replicasOf(b) - replicasOf(a) || (toAdd > 0 ? newestFirst(a, b) : oldestFirst(a, b)))

  let added = 0
  const sizes = new Map<string, number>()
  for (const set of largestFirst) {
    const part = toAdd === 0 ? 0 : share(set, deployment, allowed, toAdd - added)
    added += part
    sizes.set(set.metadata.name, replicasOf(set) + part)
  }
  const [largest] = largestFirst
  if (largest) sizes.set(largest.metadata.name, Math.max(0, sizes.get(largest.metadata.name)! + toAdd - added))
  return sizes
}

/** What one set gains or loses, never more than is left to give. */
function share(set: ReplicaSet, deployment: Deployment, allowed: number, left: number): number {
  const before = Number(set.metadata.annotations?.[MAX_REPLICAS] ?? 0) || (deployment.status?.replicas ?? 0) || replicasOf(set)
  const fair = replicasOf(deployment) === 0 ? -replicasOf(set) : Math.round((replicasOf(set) * allowed) / before) - replicasOf(set)
  return left > 0 ? Math.max(0, Math.min(fair, left)) : Math.min(0, Math.max(fair, left))
}
