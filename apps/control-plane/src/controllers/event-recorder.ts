import { createHash } from 'node:crypto'
import { timestamp } from '@bramble/api/duration'
import { type KubeObject, keyOf, type NewObject } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import type { KubeEvent } from '@bramble/api/types/core'
import type { Env } from '@bramble/reconcile/env'
import { Signal } from '@bramble/reconcile/signal'
import type { ApiClient } from '../api/client.ts'
import { events } from '../resources/event.ts'
import type { EventRecorder } from './events.ts'

const PENDING_MAX = 1_000
const MESSAGE_LENGTH_MAX = 1_024
const OBJECT_NAME_LENGTH_MAX = 230
/** Per object: so many at once, then one more every five minutes. Source: client-go tools/record, EventSourceObjectSpamFilter. */
const BURST_MAX = 25
const REFILL_MS = 5 * 60_000
const OBJECTS_MAX = 4_096
/** How long an Event is kept. Source: kube-apiserver --event-ttl. */
const KEPT_MS = 60 * 60_000
const KEPT_MAX = 10_000
const SWEEP_MS = 5 * 60_000

/**
 * Writes Events through the API, one at a time, behind a bounded queue: the same event about the same object raises a
 * count, an object that talks too much is not listened to for a while, and what cannot be written is dropped. Removes
 * Events of any origin an hour after they were last seen. Events live in memory and never cost a disk write.
 */
export class ApiEventRecorder implements EventRecorder {
  readonly #client: ApiClient
  readonly #env: Env
  readonly #component: string
  readonly #pending = new Map<string, NewObject<KubeEvent>>()
  readonly #budgets = new Map<string, { left: number; atMs: number }>()
  readonly #change = new Signal()

  /** @param component Who says it: `kubectl describe` shows it under From. */
  constructor(client: ApiClient, env: Env, component: string) {
    this.#client = client
    this.#env = env
    this.#component = component
  }

  record(about: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const event = this.#event(about, type, reason, message.slice(0, MESSAGE_LENGTH_MAX))
    const key = keyOf(event as KubeEvent)
    const waiting = this.#pending.get(key)
    if (waiting) {
      this.#pending.set(key, { ...waiting, count: waiting.count! + 1, lastTimestamp: event.lastTimestamp! })
      return
    }
    if (this.#pending.size >= PENDING_MAX || !this.#mayTalk(about)) return
    this.#pending.set(key, event)
    this.#change.notify()
  }

  /** Writes and cleans up until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#write(signal), this.#clean(signal)])
  }

  async #write(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const [first] = this.#pending
      if (!first) {
        await this.#change.wait(signal)
        continue
      }
      const [key, event] = first
      this.#pending.delete(key)
      try {
        await this.#put(key, event)
      } catch (error) {
        // e.g. its namespace is being removed; an Event is not worth a retry
        this.#env.log.debug('event dropped', { key, reason: event.reason, error })
      }
    }
  }

  async #put(key: string, event: NewObject<KubeEvent>): Promise<void> {
    const before = this.#client.get(events, key)
    if (!before) return void (await this.#client.create(events, event))
    await this.#client.patch(events, key, { count: (before.count ?? 1) + event.count!, lastTimestamp: event.lastTimestamp })
  }

  async #clean(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#env.clock.sleep(SWEEP_MS, signal)
      if (signal.aborted) return
      for (const event of expiredEvents(this.#client.list(events), this.#env.clock.nowMs())) {
        try {
          await this.#client.delete(events, keyOf(event), { uid: event.metadata.uid })
        } catch (error) {
          if (!isReason(error, 'NotFound', 'Conflict'))
            this.#env.log.warn('event not removed, trying again later', { key: keyOf(event), error })
        }
      }
    }
  }

  #event(about: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string): NewObject<KubeEvent> {
    const { name, namespace, uid, resourceVersion } = about.metadata
    const now = timestamp(this.#env.clock.nowMs())
    const hash = createHash('sha256').update([uid, type, reason, message].join('\0')).digest('hex').slice(0, 16)
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${name.slice(0, OBJECT_NAME_LENGTH_MAX).replace(/[-.]+$/, '')}.${hash}`, namespace: namespace ?? 'default' },
      involvedObject: {
        kind: about.kind!,
        apiVersion: about.apiVersion!,
        name,
        uid,
        resourceVersion,
        ...(namespace !== undefined && { namespace }),
      },
      type,
      reason,
      message,
      count: 1,
      firstTimestamp: now,
      lastTimestamp: now,
      source: { component: this.#component },
      reportingComponent: this.#component,
      reportingInstance: '',
    }
  }

  #mayTalk(about: KubeObject): boolean {
    const { uid } = about.metadata
    const nowMs = this.#env.clock.monotonicMs()
    const before = this.#budgets.get(uid) ?? { left: BURST_MAX, atMs: nowMs }
    const left = Math.min(BURST_MAX, before.left + (nowMs - before.atMs) / REFILL_MS)
    this.#budgets.delete(uid)
    this.#budgets.set(uid, { left: left >= 1 ? left - 1 : left, atMs: nowMs })
    if (this.#budgets.size > OBJECTS_MAX) this.#budgets.delete(this.#budgets.keys().next().value!)
    return left >= 1
  }
}

/** Those last seen an hour ago, and the oldest beyond what memory is given to. Pure. */
export function expiredEvents(all: readonly KubeEvent[], nowMs: number): readonly KubeEvent[] {
  const newestFirst = all.map((event) => ({ event, seenMs: lastSeenMs(event, nowMs) })).sort((a, b) => b.seenMs - a.seenMs)
  return newestFirst.filter(({ seenMs }, index) => index >= KEPT_MAX || nowMs - seenMs >= KEPT_MS).map(({ event }) => event)
}

/** A node's clock may be wrong: what is said to come from the future counts from when it arrived. */
function lastSeenMs(event: KubeEvent, nowMs: number): number {
  const saidMs = Date.parse(event.series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime ?? '')
  const arrivedMs = Date.parse(event.metadata.creationTimestamp)
  return Number.isNaN(saidMs) || saidMs > nowMs ? arrivedMs : Math.max(saidMs, arrivedMs)
}
