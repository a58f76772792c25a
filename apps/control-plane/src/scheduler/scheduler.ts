import { isDeepStrictEqual } from 'node:util'
import { withCondition } from '@bramble/api/conditions'
import { timestamp } from '@bramble/api/duration'
import { keyOf, type ObjectKey } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import type { Node } from '@bramble/api/types/node'
import { isTerminal, type Pod, type PodCondition } from '@bramble/api/types/pod'
import { backoffMs } from '@bramble/reconcile/backoff'
import type { Env } from '@bramble/reconcile/env'
import type { ApiClient, ClientEvent } from '../api/client.ts'
import type { EventRecorder } from '../controllers/events.ts'
import { nodes } from '../resources/node.ts'
import { pods } from '../resources/pod.ts'
import { ClusterView } from './cluster-view.ts'
import { hostPortsFilter } from './filters/host-ports.ts'
import { nodeAffinityFilter } from './filters/node-affinity-filter.ts'
import { resourcesFitFilter } from './filters/resources-fit.ts'
import { taintsFilter } from './filters/taints-filter.ts'
import { unschedulableFilter } from './filters/unschedulable.ts'
import { type Pipeline, place } from './pipeline.ts'
import { needsOf } from './pod-needs.ts'
import { SchedulingQueue } from './scheduling-queue.ts'
import { leastUsedScore } from './scores/least-used.ts'
import { preferNoScheduleScore } from './scores/prefer-no-schedule.ts'
import { preferredAffinityScore } from './scores/preferred-affinity.ts'
import { spreadScore } from './scores/spread.ts'

export interface SchedulerDeps {
  readonly client: ApiClient
  readonly env: Env
  readonly events: EventRecorder
}

export const defaultPipeline: Pipeline = {
  filters: [unschedulableFilter, taintsFilter, nodeAffinityFilter, hostPortsFilter, resourcesFitFilter],
  scores: [leastUsedScore, spreadScore, preferredAffinityScore, preferNoScheduleScore],
}

const SCHEDULER_NAME = 'default-scheduler'
const WRITES_UNDER_WAY_MAX = 64
const REPORT_TRIES_MAX = 3
const RESTART_MIN_MS = 50
const RESTART_MAX_MS = 5_000
const RESTARTS_MAX = 12

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

  constructor(deps: SchedulerDeps, pipeline: Pipeline) {
    this.#deps = deps
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
    const parts = [this.#watchNodes(stop), this.#watchPods(stop), this.#work(stop)]
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

  #onPod({ type, object: pod, previous }: ClientEvent<Pod>, signal: AbortSignal): void {
    const key = keyOf(pod)
    const replaced = previous !== undefined && previous.metadata.uid !== pod.metadata.uid
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
    await Promise.all(underWay)
  }

  /** Decides at once, so that the next pod sees what this one takes; only the writing waits. Never rejects. */
  async #schedule(key: ObjectKey, signal: AbortSignal): Promise<void> {
    const { client, env } = this.#deps
    const pod = client.get(pods, key)
    if (!pod || !wantsNode(pod)) return this.#queue.forget(key)
    const needs = needsOf(pod)
    const placement = place(needs, this.#view.nodes(), this.#pipeline)
    try {
      if ('message' in placement) {
        this.#queue.park(key, priorityOf(pod))
        await this.#reportUnschedulable(pod, placement.message)
      } else {
        this.#view.assume(needs, placement.nodeName)
        await this.#bind(pod, placement.nodeName)
      }
    } catch (error) {
      env.log.warn('cannot schedule a pod yet', { pod: key, error })
      this.#queue.retryLater(key, priorityOf(pod), signal)
    }
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

  async #reportUnschedulable(pod: Pod, message: string): Promise<void> {
    const { client, env, events } = this.#deps
    events.record(pod, 'Warning', 'FailedScheduling', message)
    const condition: PodCondition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }
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
  spec.taints,
  spec.unschedulable ?? false,
  status?.allocatable,
  status?.capacity,
]
