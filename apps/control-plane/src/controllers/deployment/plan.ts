import type { Deployment, ReplicaSet } from '@bramble/api/types/workload'
import { currentAnnotations, missingAnnotations, sizeAnnotations } from './annotations.ts'
import { currentSet, isComplete, isRolling, oldestFirst, replicasOf, REVISION, revisionOf } from './replica-sets.ts'
import { growth, isScaling, rollingSizes, scaledSizes, type Sizes } from './sizes.ts'

export interface Observed {
  readonly deployment: Deployment
  /** Those that the Deployment owns. */
  readonly sets: readonly ReplicaSet[]
  /** Pods of old sets that still run or are still leaving: Recreate waits for them. */
  readonly oldPodsLeft: boolean
}

export interface DeploymentPlan {
  /** Make a set for the present template. */
  readonly create?: { readonly replicas: number; readonly annotations: Readonly<Record<string, string>> }
  readonly change: readonly SetChange[]
  readonly remove: readonly ReplicaSet[]
  /** Number of the present template, for the Deployment's own annotation; absent while there is no set for it. */
  readonly revision?: string
}

export interface SetChange {
  readonly set: ReplicaSet
  readonly replicas?: number
  readonly minReadySeconds?: number
  readonly annotations?: Readonly<Record<string, string>>
}

const HISTORY_DEFAULT = 10

/**
 * One step of a rollout. Pure and total: the same world, the same step; a world that needs nothing, an empty plan.
 * Making a set is a step of its own, so the sizes of the next step start from what is stored.
 */
export function planDeployment({ deployment, sets, oldPodsLeft }: Observed): DeploymentPlan {
  const current = currentSet(deployment, sets)
  const old = sets.filter((set) => set !== current)
  const annotations = currentAnnotations(deployment, current, old)
  const scaling = deployment.spec.paused === true || isScaling(deployment, sets)
  const revision = current && { revision: annotations[REVISION]! }

  if (!current && !scaling) {
    const replicas = firstSize(deployment, old, oldPodsLeft)
    if (replicas !== undefined)
      return { create: { replicas, annotations: { ...annotations, ...sizeAnnotations(deployment) } }, change: [], remove: [] }
  }
  const sizes = scaling ? scaledSizes(deployment, current, old) : rolloutSizes(deployment, current, old, oldPodsLeft)
  return { change: changes(deployment, current, sets, sizes, annotations), remove: outdated(deployment, sets, old), ...revision }
}

function firstSize(deployment: Deployment, old: readonly ReplicaSet[], oldPodsLeft: boolean): number | undefined {
  if (isRolling(deployment)) return growth(deployment, { spec: { ...deployment.spec, replicas: 0 } }, old)
  return oldPodsLeft || old.some((set) => replicasOf(set) > 0) ? undefined : replicasOf(deployment)
}

function rolloutSizes(deployment: Deployment, current: ReplicaSet | undefined, old: readonly ReplicaSet[], oldPodsLeft: boolean): Sizes {
  if (current && isRolling(deployment)) return rollingSizes(deployment, current, old)
  const running = old.filter((set) => replicasOf(set) > 0)
  if (running.length > 0) return new Map(running.map((set) => [set.metadata.name, 0]))
  return current && !oldPodsLeft ? new Map([[current.metadata.name, replicasOf(deployment)]]) : new Map()
}

function changes(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  sets: readonly ReplicaSet[],
  sizes: Sizes,
  currentWants: Readonly<Record<string, string>>,
): SetChange[] {
  const minReadySeconds = deployment.spec.minReadySeconds ?? 0
  return sets.flatMap((set): SetChange[] => {
    const size = sizes.get(set.metadata.name) ?? replicasOf(set)
    const resized = size !== replicasOf(set)
    const wanted = { ...(set === current && currentWants), ...((resized || size > 0) && sizeAnnotations(deployment)) }
    const annotations = missingAnnotations(set, wanted)
    const patient = set === current && (set.spec.minReadySeconds ?? 0) !== minReadySeconds
    if (!resized && !annotations && !patient) return []
    return [{ set, ...(resized && { replicas: size }), ...(annotations && { annotations }), ...(patient && { minReadySeconds }) }]
  })
}

/** Empty old sets beyond the history limit, lowest revision first; none while a rollout is under way. */
function outdated(deployment: Deployment, sets: readonly ReplicaSet[], old: readonly ReplicaSet[]): readonly ReplicaSet[] {
  if (!deployment.spec.paused && !isComplete(deployment, sets)) return []
  const kept = old.filter((set) => set.metadata.deletionTimestamp === undefined)
  const surplus = kept.length - (deployment.spec.revisionHistoryLimit ?? HISTORY_DEFAULT)
  return kept
    .sort((a, b) => revisionOf(a) - revisionOf(b) || oldestFirst(a, b))
    .slice(0, Math.max(0, surplus))
    .filter(isIdle)
}

const isIdle = (set: ReplicaSet): boolean =>
  replicasOf(set) === 0 && (set.status?.replicas ?? 0) === 0 && (set.metadata.generation ?? 0) <= (set.status?.observedGeneration ?? 0)
