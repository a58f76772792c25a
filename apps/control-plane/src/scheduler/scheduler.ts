import { isDeepStrictEqual } from 'node:util'
import { withCondition } from '@bramble/api/conditions'
import { timestamp } from '@bramble/api/duration'
import { keyOf, type ObjectKey } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import type { Node } from '@bramble/api/types/node'
import { isTerminal, type Pod, type PodCondition } from '@bramble/api/types/pod'
import { VOLUME_FOLDER } from '@bramble/api/types/volume'
import { backoffMs } from '@bramble/reconcile/backoff'
import type { Env } from '@bramble/reconcile/env'
import type { ApiClient, ClientEvent } from '../api/client.ts'
import type { ResourceDefinition } from '../api/resource.ts'
import type { EventRecorder } from '../controllers/events.ts'
import { textOf } from '../controllers/text-of.ts'
import { nodes } from '../resources/node.ts'
import { persistentVolumeClaims } from '../resources/persistent-volume-claim.ts'
import { persistentVolumes } from '../resources/persistent-volume.ts'
import { pods } from '../resources/pod.ts'
import { csiNodes } from '../resources/storage/csi-node.ts'
import { storageClasses } from '../resources/storage/storage-class.ts'
import { ClusterView } from './cluster-view.ts'
import { hostPortsFilter } from './filters/host-ports.ts'
import { nodeAffinityFilter } from './filters/node-affinity-filter.ts'
import { resourcesFitFilter } from './filters/resources-fit.ts'
import { taintsFilter } from './filters/taints-filter.ts'
import { unschedulableFilter } from './filters/unschedulable.ts'
import { volumeLimitsFilter } from './filters/volume-limits.ts'
import { volumesFilter } from './filters/volumes-filter.ts'
import { noneAvailable, type Pipeline, place, type Placement } from './pipeline.ts'
import { needsOf, type PodNeeds } from './pod-needs.ts'
import { SchedulingQueue } from './scheduling-queue.ts'
import { leastUsedScore } from './scores/least-used.ts'
import { preferNoScheduleScore } from './scores/prefer-no-schedule.ts'
import { preferredAffinityScore } from './scores/preferred-affinity.ts'
import { spreadScore } from './scores/spread.ts'
import { decideVolumes, type VolumeDecision } from './volumes/decide.ts'
import { VolumeBinding } from './volumes/volume-binding.ts'
import { volumeNeeds } from './volumes/volume-needs.ts'

export interface SchedulerDeps {
  readonly client: ApiClient
  readonly env: Env
  readonly events: EventRecorder
}

export const defaultPipeline: Pipeline = {
  filters: [unschedulableFilter, taintsFilter, nodeAffinityFilter, hostPortsFilter, resourcesFitFilter, volumeLimitsFilter, volumesFilter],
  scores: [leastUsedScore, spreadScore, preferredAffinityScore, preferNoScheduleScore],
}

const SCHEDULER_NAME = 'default-scheduler'
const WRITES_UNDER_WAY_MAX = 64
/** Pods whose place is kept while their volumes are made. */
const AWAITING_MAX = 1_000
const REPORT_TRIES_MAX = 3
const RESTART_MIN_MS = 50
const RESTART_MAX_MS = 5_000
const RESTARTS_MAX = 12

/** What may let a pod with volumes find a node. */
const STORAGE: readonly ResourceDefinition[] = [
  persistentVolumeClaims,
  persistentVolumes,
  storageClasses,
  csiNodes,
] as readonly ResourceDefinition[]

/**
 * Puts pods on nodes until `signal` aborts. When a watch breaks it starts over from what is there, with back-off.
 * @throws what broke the watch, when it breaks again and again.
 */
export async function runScheduler(deps: SchedulerDeps, signal: AbortSignal, pipeline: Pipeline = defaultPipeline): Promise<void> {
  for (let failures = 1; !signal.aborted; failures++) {
    const startedMs = deps.env.clock.monotonicMs()
    try {
      await new Scheduler(deps, pipeline).run(signal)
    } catch (error) {
      if (deps.env.clock.monotonicMs() - startedMs > 60_000) failures = 1
      if (failures > RESTARTS_MAX) throw error
      deps.env.log.warn('scheduler starts over', { failures, error })
    }
    if (!signal.aborted) await deps.env.clock.sleep(backoffMs(failures, RESTART_MIN_MS, RESTART_MAX_MS, deps.env.random), signal)
  }
}

class Scheduler {
  readonly #deps: SchedulerDeps
  readonly #pipeline: Pipeline
  readonly #view = new ClusterView()
  readonly #queue: SchedulingQueue
  readonly #volumes: VolumeBinding
  /** Pods that have a node as soon as their volumes are bound, by uid. */
  readonly #awaiting = new Map<string, Promise<void>>()

  constructor(deps: SchedulerDeps, pipeline: Pipeline) {
    this.#deps = deps
    this.#volumes = new VolumeBinding(deps.client, deps.env.clock)
    this.#pipeline = pipeline
    this.#queue = new SchedulingQueue(deps.env.clock)
  }

  /** Ends when `signal` aborts or a watch ends. */
  async run(signal: AbortSignal): Promise<void> {
    const { client } = this.#deps
    for (const node of client.list(nodes)) this.#view.setNode(node)
    for (const pod of client.list(pods)) this.#view.setPod(pod) // all that is taken, before the first pod is placed
    const ended = new AbortController()
    const stop = AbortSignal.any([signal, ended.signal])
    const parts = [
      this.#watchNodes(stop),
      this.#watchPods(stop),
      ...STORAGE.map((resource) => this.#watchStorage(resource, stop)),
      this.#work(stop),
    ]
    try {
      await Promise.race(parts)
    } finally {
      ended.abort()
      await Promise.allSettled(parts)
    }
  }

  async #watchNodes(signal: AbortSignal): Promise<void> {
    for await (const { type, object, previous } of this.#deps.client.watch(nodes, signal)) {
      if (type === 'DELETED') this.#view.removeNode(object.metadata.name)
      else this.#view.setNode(object)
      if (type !== 'DELETED' && mayFitMore(object, previous)) this.#queue.retryParked(signal)
    }
  }

  async #watchPods(signal: AbortSignal): Promise<void> {
    for await (const event of this.#deps.client.watch(pods, signal)) this.#onPod(event, signal)
  }

  async #watchStorage(resource: ResourceDefinition, signal: AbortSignal): Promise<void> {
    for await (const _ of this.#deps.client.watch(resource, signal)) {
      this.#volumes.notify()
      this.#queue.retryParked(signal)
    }
  }

  #onPod({ type, object: pod, previous }: ClientEvent<Pod>, signal: AbortSignal): void {
    const key = keyOf(pod)
    const replaced = previous !== undefined && previous.metadata.uid !== pod.metadata.uid
    if (this.#awaiting.size > 0 && !wantsNode(pod)) this.#volumes.notify()
    if (replaced) this.#view.removePod(previous.metadata.uid)
    if (type === 'DELETED') {
      this.#view.removePod(pod.metadata.uid)
      this.#queue.forget(key)
      if (pod.spec.nodeName) this.#queue.retryParked(signal)
      return
    }
    this.#view.setPod(pod)
    if (pod.spec.nodeName && isTerminal(pod)) this.#queue.retryParked(signal)
    if (!wantsNode(pod)) this.#queue.forget(key)
    else if (!previous || replaced || !isDeepStrictEqual(previous.spec, pod.spec)) this.#queue.add(key, priorityOf(pod))
  }

  async #work(signal: AbortSignal): Promise<void> {
    const underWay = new Set<Promise<void>>()
    for (let key = await this.#queue.next(signal); key !== undefined; key = await this.#queue.next(signal)) {
      const write = this.#schedule(key, signal).finally(() => underWay.delete(write))
      underWay.add(write)
      if (underWay.size >= WRITES_UNDER_WAY_MAX) await Promise.race(underWay)
    }
    await Promise.all([...underWay, ...this.#awaiting.values()])
  }

  /** Decides at once, so that the next pod sees what this one takes; only the writing waits. Never rejects. */
  async #schedule(key: ObjectKey, signal: AbortSignal): Promise<void> {
    const pod = this.#deps.client.get(pods, key)
    if (!pod || !wantsNode(pod)) return this.#queue.forget(key)
    if (this.#awaiting.has(pod.metadata.uid)) return
    const { needs, placement } = this.#place(pod)
    try {
      if ('message' in placement) {
        this.#queue.park(key, priorityOf(pod))
        return await this.#reportFailure(pod, 'Unschedulable', placement.message)
      }
      const { nodeName } = placement
      this.#view.assume(needs, nodeName)
      const decisions = this.#decide(needs, nodeName)
      if (decisions.length === 0) return await this.#bind(pod, nodeName)
      if (this.#awaiting.size >= AWAITING_MAX) throw new Error('too many pods wait for their volumes')
      const waiting = this.#bindWithVolumes(pod, nodeName, decisions, signal)
      this.#awaiting.set(pod.metadata.uid, waiting)
    } catch (error) {
      this.#retry(pod, error, signal)
    }
  }

  #place(pod: Pod): { readonly needs: PodNeeds; readonly placement: Placement } {
    const volumes = volumeNeeds(pod, {
      reads: this.#deps.client,
      usersOf: (claim) => this.#view.usersOf(claim),
      reserved: this.#volumes.reserved,
    })
    const views = this.#view.nodes()
    if (typeof volumes === 'string') return { needs: needsOf(pod), placement: { message: noneAvailable(views.length, volumes) } }
    const needs = { ...needsOf(pod), ...(volumes && { volumes }) }
    return { needs, placement: place(needs, views, this.#pipeline) }
  }

  #decide({ volumes }: PodNeeds, nodeName: string): readonly VolumeDecision[] {
    const node = this.#deps.client.get(nodes, nodeName)
    const decisions = volumes && node ? decideVolumes(volumes, node) : []
    if (typeof decisions === 'string') throw new Error(decisions)
    return decisions
  }

  /** The pod's place is kept meanwhile; no write of others waits for it. Never rejects. */
  async #bindWithVolumes(pod: Pod, nodeName: string, decisions: readonly VolumeDecision[], signal: AbortSignal): Promise<void> {
    const isWanted = (): boolean => {
      const current = this.#deps.client.get(pods, keyOf(pod))
      return current?.metadata.uid === pod.metadata.uid && wantsNode(current)
    }
    try {
      await this.#volumes.bind(decisions, nodeName, isWanted, signal)
      if (signal.aborted) return
      if (isWanted()) await this.#bind(pod, nodeName)
      else this.#view.removePod(pod.metadata.uid)
    } catch (error) {
      this.#view.removePod(pod.metadata.uid)
      this.#retry(pod, error, signal)
      const why = isReason(error, 'Conflict', 'NotFound') ? undefined : textOf(error)
      if (why !== undefined)
        await this.#reportFailure(pod, 'SchedulerError', `running PreBind plugin "VolumeBinding": binding volumes: ${why}`).catch(() => {})
    } finally {
      this.#awaiting.delete(pod.metadata.uid)
    }
  }

  #retry(pod: Pod, error: unknown, signal: AbortSignal): void {
    this.#deps.env.log.warn('cannot schedule a pod yet', { pod: keyOf(pod), error })
    this.#queue.retryLater(keyOf(pod), priorityOf(pod), signal)
  }

  async #bind(pod: Pod, nodeName: string): Promise<void> {
    const { client, events } = this.#deps
    const key = keyOf(pod)
    try {
      await client.bind(key, pod.metadata.uid, nodeName)
    } catch (error) {
      this.#view.removePod(pod.metadata.uid)
      const current = client.get(pods, key)
      if (current) this.#view.setPod(current)
      if (isReason(error, 'NotFound', 'Conflict')) return // gone, replaced, or bound by someone else: its event tells
      throw error
    }
    events.record(pod, 'Normal', 'Scheduled', `Successfully assigned ${key} to ${nodeName}`)
  }

  async #reportFailure(pod: Pod, reason: 'Unschedulable' | 'SchedulerError', message: string): Promise<void> {
    const { client, env, events } = this.#deps
    events.record(pod, 'Warning', 'FailedScheduling', message)
    const condition: PodCondition = { type: 'PodScheduled', status: 'False', reason, message }
    for (let tries = 1; ; tries++) {
      const current = client.get(pods, keyOf(pod))
      if (!current || current.metadata.uid !== pod.metadata.uid || !wantsNode(current)) return
      const conditions = withCondition(current.status?.conditions, condition, timestamp(env.clock.nowMs()))
      if (conditions === current.status?.conditions) return
      const { resourceVersion } = current.metadata
      try {
        await client.patch(pods, keyOf(pod), { metadata: { resourceVersion }, status: { conditions } }, 'status')
        return
      } catch (error) {
        if (isReason(error, 'NotFound')) return
        if (!isReason(error, 'Conflict') || tries === REPORT_TRIES_MAX) throw error
      }
    }
  }
}

const wantsNode = (pod: Pod): boolean =>
  !pod.spec.nodeName &&
  !pod.metadata.deletionTimestamp &&
  !isTerminal(pod) &&
  (pod.spec.schedulerName ?? SCHEDULER_NAME) === SCHEDULER_NAME &&
  !(pod.spec as { schedulingGates?: readonly unknown[] }).schedulingGates?.length

const priorityOf = (pod: Pod): number => pod.spec.priority ?? 0

/** A heartbeat makes no room; what placement reads does. */
const mayFitMore = (node: Node, previous: Node | undefined): boolean =>
  !previous || !isDeepStrictEqual(placementFacts(node), placementFacts(previous))

const placementFacts = ({ metadata, spec, status }: Node) => [
  metadata.labels,
  metadata.annotations?.[VOLUME_FOLDER],
  spec.taints,
  spec.unschedulable ?? false,
  status?.allocatable,
  status?.capacity,
]
