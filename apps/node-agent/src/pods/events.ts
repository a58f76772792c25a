import { randomUUID } from 'node:crypto'
import { timestamp } from '@bramble/api/duration'
import { EventNames } from '@bramble/api/event-names'
import type { KubeEvent } from '@bramble/api/types/core'
import type { Pod } from '@bramble/api/types/pod'
import type { StatusReport } from '@bramble/link/link'
import type { Env } from '@bramble/reconcile/env'
import { fieldPathOf } from './containers.ts'

type EventType = 'Normal' | 'Warning'
type About = KubeEvent['involvedObject'] & { readonly name: string; readonly uid: string; readonly fieldPath?: string }

/** Events that are remembered, to count repeats; the oldest are forgotten. */
const REMEMBERED_MAX = 500

/** Tells people what happens to pods, in Kubernetes' words. The same thing again counts up instead of adding a line. */
export class PodEvents {
  readonly #env: Env
  readonly #nodeName: string
  readonly #send: (report: StatusReport) => void
  readonly #known = new Map<string, KubeEvent>()
  readonly #names: EventNames

  constructor(env: Env, nodeName: string, send: (report: StatusReport) => void) {
    this.#env = env
    this.#nodeName = nodeName
    this.#send = send
    this.#names = new EventNames(env.random)
  }

  /** @param container The one that it is about. */
  record(pod: Pod, type: EventType, reason: string, message: string, container?: { readonly name: string }): void {
    const { namespace, name, uid, resourceVersion } = pod.metadata
    const about = { kind: 'Pod', apiVersion: 'v1', namespace, name, uid, resourceVersion }
    this.#tell(container ? { ...about, fieldPath: fieldPathOf(pod, container.name) } : about, type, reason, message)
  }

  /** About the node itself; its name stands for its uid, as kubelet has it. */
  recordOfNode(type: EventType, reason: string, message: string): void {
    this.#tell({ kind: 'Node', apiVersion: 'v1', name: this.#nodeName, uid: this.#nodeName }, type, reason, message)
  }

  #tell(about: About, type: EventType, reason: string, message: string): void {
    const key = [about.uid, type, reason, message, about.fieldPath].join('\n')
    const event = this.#counted(this.#known.get(key)) ?? this.#first(about, type, reason, message)
    this.#known.delete(key)
    this.#known.set(key, event)
    if (this.#known.size > REMEMBERED_MAX) this.#known.delete(this.#known.keys().next().value!)
    this.#send({ type: 'event', event })
  }

  #counted(before: KubeEvent | undefined): KubeEvent | undefined {
    return before && { ...before, count: (before.count ?? 1) + 1, lastTimestamp: timestamp(this.#env.clock.nowMs()) }
  }

  #first(about: About, type: EventType, reason: string, message: string): KubeEvent {
    const uid = this.#env.uuid?.() ?? randomUUID()
    const nowMs = this.#env.clock.nowMs()
    const now = timestamp(nowMs)
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: {
        name: this.#names.next(about.name, nowMs),
        namespace: about.namespace ?? 'default',
        uid,
        resourceVersion: '',
        creationTimestamp: now,
      },
      involvedObject: about,
      type,
      reason,
      message,
      count: 1,
      firstTimestamp: now,
      lastTimestamp: now,
      eventTime: null,
      source: { component: 'kubelet', host: this.#nodeName },
      reportingComponent: 'kubelet',
      reportingInstance: this.#nodeName,
    }
  }
}
