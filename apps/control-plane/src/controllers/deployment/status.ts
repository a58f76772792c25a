import { conditionOf } from '@bramble/api/conditions'
import { timestamp } from '@bramble/api/duration'
import type { Deployment, ReplicaSet, WorkloadCondition } from '@bramble/api/types/workload'
import { availableOf, currentSet, fenceposts, isComplete, replicasOf, sum } from './replica-sets.ts'

type Status = NonNullable<Deployment['status']>
type Conditions = readonly WorkloadCondition[]

/** Go's "no deadline". */
const NO_DEADLINE = 2 ** 31 - 1

/**
 * What `kubectl get`, `rollout status` and `wait` read: counts and the conditions Available, Progressing, ReplicaFailure.
 * @param created Name of the set that was made just now.
 * @see Source: Kubernetes Deployment concepts, "Deployment status"; kubectl polymorphichelpers/rollout_status.go.
 */
export function deploymentStatus(deployment: Deployment, sets: readonly ReplicaSet[], created: string | undefined, nowMs: number): Status {
  const current = currentSet(deployment, sets)
  const counts = countsOf(sets, current)
  const now = timestamp(nowMs)
  let conditions: Conditions = deployment.status?.conditions ?? []
  if (hasDeadline(deployment)) conditions = withBeginning(conditions, deployment, current, created, now)
  conditions = withReplacement(conditions, availability(deployment, counts.availableReplicas), now)
  conditions = withProgress(conditions, { deployment, sets, current, counts, nowMs, now })
  const failure = [...(current ? [current] : []), ...sets]
    .map((set) => conditionOf(set.status?.conditions, 'ReplicaFailure'))
    .find((found) => found)
  conditions = failure ? withReplacement(conditions, { ...failure }, now) : conditions.filter(({ type }) => type !== 'ReplicaFailure')
  const { collisionCount } = deployment.status ?? {}
  return {
    observedGeneration: deployment.metadata.generation ?? 0,
    ...withoutZeros(counts),
    ...(collisionCount !== undefined && { collisionCount }),
    ...(conditions.length > 0 && { conditions: [...conditions] }),
  }
}

/** When the deadline of a rollout that stands still is over, milliseconds from now; undefined when none runs. */
export function deadlineInMs(deployment: Deployment, sets: readonly ReplicaSet[], nowMs: number): number | undefined {
  const progressing = conditionOf(deployment.status?.conditions, 'Progressing')
  if (!hasDeadline(deployment) || deployment.spec.paused || !progressing?.lastUpdateTime) return undefined
  if (isComplete(deployment, sets) || progressing.reason === 'NewReplicaSetAvailable' || progressing.reason === 'ProgressDeadlineExceeded')
    return undefined
  return Math.max(1000, Date.parse(progressing.lastUpdateTime) + deployment.spec.progressDeadlineSeconds! * 1000 - nowMs + 1000)
}

interface Counts {
  readonly replicas: number
  readonly updatedReplicas: number
  readonly readyReplicas: number
  readonly availableReplicas: number
  readonly unavailableReplicas: number
}

function countsOf(sets: readonly ReplicaSet[], current: ReplicaSet | undefined): Counts {
  const availableReplicas = sum(sets, availableOf)
  return {
    replicas: sum(sets, (set) => set.status?.replicas ?? 0),
    updatedReplicas: current?.status?.replicas ?? 0,
    readyReplicas: sum(sets, (set) => set.status?.readyReplicas ?? 0),
    availableReplicas,
    unavailableReplicas: Math.max(0, sum(sets, replicasOf) - availableReplicas),
  }
}

interface Progress {
  readonly deployment: Deployment
  readonly sets: readonly ReplicaSet[]
  readonly current: ReplicaSet | undefined
  readonly counts: Counts
  readonly nowMs: number
  readonly now: string
}

function withProgress(conditions: Conditions, { deployment, sets, current, counts, nowMs, now }: Progress): Conditions {
  if (!hasDeadline(deployment)) return conditions.filter(({ type }) => type !== 'Progressing')
  const last = conditionOf(conditions, 'Progressing')
  if (deployment.spec.paused || (last?.reason === 'NewReplicaSetAvailable' && counts.replicas === counts.updatedReplicas)) return conditions

  const name = current ? `ReplicaSet "${current.metadata.name}"` : `Deployment "${deployment.metadata.name}"`
  if (isComplete(deployment, sets))
    return withReplacement(conditions, progressing('True', 'NewReplicaSetAvailable', `${name} has successfully progressed.`), now)
  if (hasProgressed(deployment.status, counts)) {
    const moved = progressing('True', 'ReplicaSetUpdated', `${name} is progressing.`)
    const sinceTime = last?.status === 'True' ? last.lastTransitionTime : now
    return [
      ...conditions.filter((condition) => condition !== last),
      { ...moved, lastUpdateTime: now, lastTransitionTime: sinceTime ?? now },
    ]
  }
  if (isLate(last, deployment.spec.progressDeadlineSeconds!, nowMs))
    return withReplacement(conditions, progressing('False', 'ProgressDeadlineExceeded', `${name} has timed out progressing.`), now)
  return conditions
}

/** A new set, a found one, a pause and its end each start the clock anew. */
function withBeginning(
  before: Conditions,
  deployment: Deployment,
  current: ReplicaSet | undefined,
  created: string | undefined,
  now: string,
): Conditions {
  const last = conditionOf(before, 'Progressing')
  if (created !== undefined)
    return withReplacement(before, progressing('True', 'NewReplicaSetCreated', `Created new replica set "${created}"`), now)
  if (deployment.spec.paused) {
    if (last?.reason === 'ProgressDeadlineExceeded') return before
    return withReplacement(before, progressing('Unknown', 'DeploymentPaused', 'Deployment is paused'), now)
  }
  if (last?.reason === 'DeploymentPaused')
    return withReplacement(before, progressing('Unknown', 'DeploymentResumed', 'Deployment is resumed'), now)
  if (!last && current)
    return withReplacement(before, progressing('True', 'FoundNewReplicaSet', `Found new replica set "${current.metadata.name}"`), now)
  return before
}

const progressing = (status: WorkloadCondition['status'], reason: string, message: string): WorkloadCondition => ({
  type: 'Progressing',
  status,
  reason,
  message,
})

const hasDeadline = ({ spec: { progressDeadlineSeconds } }: Deployment): boolean =>
  progressDeadlineSeconds !== undefined && progressDeadlineSeconds !== NO_DEADLINE

const hasProgressed = (before: Status | undefined, counts: Counts): boolean =>
  counts.updatedReplicas > (before?.updatedReplicas ?? 0) ||
  counts.replicas - counts.updatedReplicas < (before?.replicas ?? 0) - (before?.updatedReplicas ?? 0) ||
  counts.readyReplicas > (before?.readyReplicas ?? 0) ||
  counts.availableReplicas > (before?.availableReplicas ?? 0)

const isLate = (last: WorkloadCondition | undefined, deadlineSeconds: number, nowMs: number): boolean =>
  last !== undefined &&
  last.reason !== 'NewReplicaSetAvailable' &&
  (last.reason === 'ProgressDeadlineExceeded' || Date.parse(last.lastUpdateTime ?? '') + deadlineSeconds * 1000 < nowMs)

function availability(deployment: Deployment, available: number): WorkloadCondition {
  const enough = available >= replicasOf(deployment) - fenceposts(deployment).unavailableMax
  return enough
    ? { type: 'Available', status: 'True', reason: 'MinimumReplicasAvailable', message: 'Deployment has minimum availability.' }
    : {
        type: 'Available',
        status: 'False',
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
      }
}

/** Same status and reason: nothing changes, not even the message. Source: deployment util, SetDeploymentCondition. */
function withReplacement(before: Conditions, next: WorkloadCondition, now: string): Conditions {
  const last = conditionOf(before, next.type)
  if (last && last.status === next.status && last.reason === next.reason) return before
  const lastTransitionTime = last?.status === next.status ? (last.lastTransitionTime ?? now) : now
  return [...before.filter((condition) => condition !== last), { ...next, lastUpdateTime: now, lastTransitionTime }]
}

/** Go's omitempty: clients see an absent count as 0. */
const withoutZeros = (counts: Counts): Partial<Counts> =>
  Object.fromEntries(Object.entries(counts).filter(([, count]: [string, number]) => count !== 0))
