import { randomUUID } from 'node:crypto'
import { timestamp } from '@bramble/api/duration'
import { EventNames } from '@bramble/api/event-names'
import type { KubeEvent } from '@bramble/api/types/core'
import type { Pod } from '@bramble/api/types/pod'
import type { StatusReport } from '@bramble/link/link'
import type { Env } from '@bramble/reconcile/env'

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

  /** @param container Name of the container that it is about. */
  record(
    pod: Pick<Pod, 'metadata'>,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
    container?: { readonly name: string; readonly isInit?: boolean },
  ): void {
    const fieldPath = container && `spec.${container.isInit ? 'initContainers' : 'containers'}{${container.name}}`
    const key = [pod.metadata.uid, type, reason, message, fieldPath].join('\n')
    const event = this.#counted(this.#known.get(key)) ?? this.#first(pod, type, reason, message, fieldPath)
    this.#known.delete(key)
    this.#known.set(key, event)
    if (this.#known.size > REMEMBERED_MAX) this.#known.delete(this.#known.keys().next().value!)
    this.#send({ type: 'event', event })
  }

  #counted(before: KubeEvent | undefined): KubeEvent | undefined {
    return before && { ...before, count: (before.count ?? 1) + 1, lastTimestamp: timestamp(this.#env.clock.nowMs()) }
  }

  #first(
    { metadata }: Pick<Pod, 'metadata'>,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
    fieldPath: string | undefined,
  ): KubeEvent {
    const uid = this.#env.uuid?.() ?? randomUUID()
    const nowMs = this.#env.clock.nowMs()
    const now = timestamp(nowMs)
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: {
        name: this.#names.next(metadata.name, nowMs),
        namespace: metadata.namespace,
        uid,
        resourceVersion: '',
        creationTimestamp: now,
      },
      involvedObject: {
        kind: 'Pod',
        apiVersion: 'v1',
        namespace: metadata.namespace,
        name: metadata.name,
        uid: metadata.uid,
        resourceVersion: metadata.resourceVersion,
        ...(fieldPath !== undefined && { fieldPath }),
      },
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
