import type { Node } from '@bramble/api/types/node'
import { isTerminal, type Pod } from '@bramble/api/types/pod'
import type { DaemonSet } from '@bramble/api/types/workload'
import { isAway } from '../node-reachability.ts'
import { isAvailable } from '../pod-availability.ts'
import { REVISION_HASH } from '../revision-history.ts'
import { scaledValue } from '../scaled-value.ts'
import { eligibility } from './eligible.ts'
import { targetNode } from './pod-for-node.ts'

export interface DaemonWorld {
  readonly set: DaemonSet
  /** Revision of the present template. */
  readonly hash: string
  readonly nodes: readonly Node[]
  /** Those that the set owns, in any state. */
  readonly pods: readonly Pod[]
  /** Nodes where a failed pod is left lying for a while before it is replaced. */
  readonly heldBack: ReadonlySet<string>
  readonly nowMs: number
}

export interface DaemonPlan {
  /** Nodes that get a pod of the present revision. */
  readonly create: readonly string[]
  readonly remove: readonly Pod[]
}

/**
 * Which pods must appear and disappear so that every eligible node runs exactly one, of the present revision.
 *
 * Pure and total: same world, same plan, no throw. A pod that is leaving still holds its node (it may still hold a host
 * port). A rolling update leaves at most `maxUnavailable` nodes without an available pod; a node that is away neither
 * counts nor is updated: it is caught up when it returns, as any other. At most `createMax` creations per call, so one
 * bad template cannot flood the store.
 */
export function planDaemonSet(world: DaemonWorld, createMax: number): DaemonPlan {
  const places = placesOf(world)
  const create = places.filter((place) => place.run && place.pods.length === 0).map(({ nodeName }) => nodeName)
  const remove = places.flatMap((place) => misplaced(place, world)).concat(homeless(world))
  const rollout = world.set.spec.updateStrategy?.type === 'OnDelete' ? { create: [], remove: [] } : planRollout(places, world)
  return {
    create: [...create, ...rollout.create].sort().slice(0, createMax),
    remove: [...remove, ...rollout.remove.filter((pod) => !remove.includes(pod))],
  }
}

/** A node, and the pods of this set that are on it or on their way to it. */
interface Place {
  readonly nodeName: string
  readonly run: boolean
  readonly keep: boolean
  readonly away: boolean
  readonly pods: readonly Pod[]
  /** Neither leaving nor ended, longest there first; `present` are of the present revision, `old` are not. */
  readonly present: readonly Pod[]
  readonly old: readonly Pod[]
}

function placesOf({ set, hash, nodes, pods, nowMs }: DaemonWorld): readonly Place[] {
  const byNode = Map.groupBy(pods, targetNode)
  return [...nodes]
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .map((node) => {
      const nodeName = node.metadata.name
      const here = byNode.get(nodeName) ?? []
      const alive = here.filter((pod) => !pod.metadata.deletionTimestamp && !isTerminal(pod)).sort(boundThenOldest)
      const isPresent = (pod: Pod): boolean => pod.metadata.labels?.[REVISION_HASH] === hash
      return {
        nodeName,
        ...eligibility(set, node),
        away: isAway(node, nowMs),
        pods: here,
        present: alive.filter(isPresent),
        old: alive.filter((pod) => !isPresent(pod)),
      }
    })
}

/** Pods that have no business on their node: it does not want them, they have ended, or one is there already. */
function misplaced({ nodeName, keep, pods, present, old }: Place, { set, heldBack }: DaemonWorld): readonly Pod[] {
  const staying = pods.filter((pod) => !pod.metadata.deletionTimestamp)
  if (!keep) return staying
  const ended = heldBack.has(nodeName) ? [] : staying.filter(isTerminal)
  const surplus = bounds(set, 1).surgeMax > 0 ? [...present.slice(1), ...old.slice(1)] : [...present, ...old].sort(boundThenOldest).slice(1)
  return [...ended, ...surplus]
}

/** Pods for nodes that are no more. */
function homeless({ nodes, pods }: DaemonWorld): readonly Pod[] {
  const names = new Set(nodes.map((node) => node.metadata.name))
  return pods.filter((pod) => !pod.metadata.deletionTimestamp && targetNode(pod) !== undefined && !names.has(targetNode(pod)!))
}

function planRollout(all: readonly Place[], { set, nowMs }: DaemonWorld): DaemonPlan {
  const works = (pod: Pod | undefined): boolean => pod !== undefined && isAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)
  const places = all.filter((place) => place.keep && !place.away)
  const { surgeMax, unavailableMax } = bounds(set, all.filter((place) => place.run).length)
  const outdated = places.filter((place) => place.present.length === 0 && place.old.length > 0)
  const broken = outdated.filter((place) => !works(place.old[0]))
  const working = outdated.filter((place) => works(place.old[0]))

  if (surgeMax > 0) {
    const beside = places.filter((place) => place.present.length > 0 && place.old.length > 0)
    const settling = beside.filter((place) => !works(place.present[0]))
    const allowed = [...broken, ...working.slice(0, Math.max(0, surgeMax - settling.length - broken.length))]
    return {
      create: allowed.filter((place) => place.run && place.pods.length === 1).map(({ nodeName }) => nodeName),
      remove: beside.filter((place) => works(place.present[0])).flatMap((place) => place.old),
    }
  }
  const unavailable = places
    .filter((place) => place.run || place.pods.length > 0)
    .filter((place) => !works(place.present[0]) && !works(place.old[0])).length
  return { create: [], remove: [...broken, ...working.slice(0, Math.max(0, unavailableMax - unavailable))].flatMap((place) => place.old) }
}

/** Never both 0: then nothing could move. Source: apps/v1 RollingUpdateDaemonSet. */
export function bounds(set: DaemonSet, nodeCount: number): { readonly surgeMax: number; readonly unavailableMax: number } {
  const { maxSurge = 0, maxUnavailable = 1 } = set.spec.updateStrategy?.rollingUpdate ?? {}
  const surgeMax = scaledValue(maxSurge, nodeCount, 'up')
  const unavailableMax = scaledValue(maxUnavailable, nodeCount, 'up')
  return { surgeMax, unavailableMax: surgeMax === 0 && unavailableMax === 0 ? 1 : unavailableMax }
}

const boundThenOldest = (a: Pod, b: Pod): number =>
  Number(b.spec.nodeName !== undefined) - Number(a.spec.nodeName !== undefined) ||
  compare(a.metadata.creationTimestamp, b.metadata.creationTimestamp) ||
  compare(a.metadata.name, b.metadata.name)

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
