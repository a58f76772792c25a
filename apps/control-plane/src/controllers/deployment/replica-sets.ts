import type { Deployment, ReplicaSet } from '@bramble/api/types/workload'
import { sameTemplate } from '../pod-template.ts'
import { scaledValue } from '../scaled-value.ts'

// What the parts of a rollout ask about a Deployment and its ReplicaSets.
// Source: Kubernetes Deployment concepts; pkg/controller/deployment/util.

export const REVISION = 'deployment.kubernetes.io/revision'
export const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history'
export const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas'
export const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas'

export const replicasOf = (object: { readonly spec: { readonly replicas?: number } }): number => object.spec.replicas ?? 1
export const availableOf = (set: ReplicaSet): number => set.status?.availableReplicas ?? 0
export const sum = <T>(items: readonly T[], count: (item: T) => number): number => items.reduce((total, item) => total + count(item), 0)

export const isRolling = (deployment: Deployment): boolean => deployment.spec.strategy?.type !== 'Recreate'

/** How many pods may be too many, and how many may be missing, during a rollout. Never both 0: then nothing could move. */
export function fenceposts(deployment: Deployment): { readonly surgeMax: number; readonly unavailableMax: number } {
  const replicas = replicasOf(deployment)
  if (!isRolling(deployment) || replicas === 0) return { surgeMax: 0, unavailableMax: 0 }
  const { maxSurge = '25%', maxUnavailable = '25%' } = deployment.spec.strategy?.rollingUpdate ?? {}
  const surgeMax = scaledValue(maxSurge, replicas, 'up')
  const unavailableMax = Math.min(scaledValue(maxUnavailable, replicas, 'down'), replicas)
  return { surgeMax, unavailableMax: surgeMax === 0 && unavailableMax === 0 ? 1 : unavailableMax }
}

/** The set that makes pods as the template says now; the oldest, should there be several. */
export const currentSet = (deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined =>
  [...sets].sort(oldestFirst).find((set) => sameTemplate(set.spec.template, deployment.spec.template))

export const revisionOf = (object: { readonly metadata: { readonly annotations?: Record<string, string> } }): number => {
  const revision = Number(object.metadata.annotations?.[REVISION] ?? 0)
  return Number.isSafeInteger(revision) ? revision : 0
}

/** All pods are new, and available. Source: DeploymentComplete. */
export const isComplete = (deployment: Deployment, sets: readonly ReplicaSet[]): boolean => {
  const current = currentSet(deployment, sets)
  const replicas = replicasOf(deployment)
  return (
    current !== undefined &&
    (current.status?.replicas ?? 0) === replicas &&
    availableOf(current) === replicas &&
    sum(sets, (set) => set.status?.replicas ?? 0) === replicas
  )
}

export const oldestFirst = (a: ReplicaSet, b: ReplicaSet): number =>
  compare(a.metadata.creationTimestamp, b.metadata.creationTimestamp) || compare(a.metadata.name, b.metadata.name)
export const newestFirst = (a: ReplicaSet, b: ReplicaSet): number => oldestFirst(b, a)

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
