import { timestamp } from '@bramble/api/duration'
import { EventNames } from '@bramble/api/event-names'
import { type KubeObject, keyOf, type NewObject, type ObjectKey, objectKey, splitKey, type Timestamp } from '@bramble/api/object'
import { isReason } from '@bramble/api/status-error'
import type { KubeEvent } from '@bramble/api/types/core'
import type { Env } from '@bramble/reconcile/env'
import { Signal } from '@bramble/reconcile/signal'
import type { ApiClient } from '../api/client.ts'
import { events } from '../resources/event.ts'
import type { EventRecorder, EventSource } from './events.ts'

const PENDING_MAX = 1_000
const MESSAGE_LENGTH_MAX = 1_024
/** Per object: so many at once, then one more every five minutes. Source: client-go tools/record, EventSourceObjectSpamFilter. */
const BURST_MAX = 25
const REFILL_MS = 5 * 60_000
const OBJECTS_MAX = 4_096
/** Events whose repeats are counted; the oldest are forgotten. Source: client-go tools/record, maxLruCacheEntries. */
const REMEMBERED_MAX = 4_096
/** How long an Event is kept. Source: kube-apiserver --event-ttl. */
const KEPT_MS = 60 * 60_000
const KEPT_MAX = 10_000
const SWEEP_MS = 5 * 60_000

/**
 * Writes Events through the API, one at a time, behind a bounded queue: the same event about the same object raises a
 * count, an object that talks too much is not listened to for a while, and what cannot be written is dropped. Removes
 * Events of any origin an hour after they were last seen. Events live in memory and never cost a disk write.
 */
export class ApiEventRecorder implements EventSource {
  readonly #client: ApiClient
  readonly #env: Env
  readonly #names: EventNames
  /** Which Event says it, by who says what about whom. */
  readonly #known = new Map<string, ObjectKey>()
  readonly #pending = new Map<string, NewObject<KubeEvent>>()
  readonly #budgets = new Map<string, { left: number; atMs: number }>()
  readonly #change = new Signal()

  constructor(client: ApiClient, env: Env) {
    this.#client = client
    this.#env = env
    this.#names = new EventNames(env.random)
  }

  as(component: string): EventRecorder {
    return {
      record: (about, type, reason, message) =>
        this.#record({ component, about, type, reason, message: message.slice(0, MESSAGE_LENGTH_MAX) }),
    }
  }

  #record(said: Said): void {
    const { about, component, type, reason, message } = said
    const id = [component, about.metadata.uid, type, reason, message].join('\0')
    const nowMs = this.#env.clock.nowMs()
    const key = this.#known.get(id) ?? this.#newKey(about, nowMs)
    const waiting = this.#pending.get(key)
    if (waiting) {
      this.#pending.set(key, { ...waiting, count: waiting.count! + 1, lastTimestamp: timestamp(nowMs) })
      return
    }
    if (this.#pending.size >= PENDING_MAX || !this.#mayTalk(about)) return
    this.#known.delete(id)
    this.#known.set(id, key)
    if (this.#known.size > REMEMBERED_MAX) this.#known.delete(this.#known.keys().next().value!)
    this.#pending.set(key, eventOf(said, key, timestamp(nowMs)))
    this.#change.notify()
  }

  #newKey({ metadata: { name, namespace } }: KubeObject, nowMs: number): ObjectKey {
    return objectKey(namespace ?? 'default', this.#names.next(name, nowMs))
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

interface Said {
  /** Who says it: `kubectl describe` shows it under From. */
  readonly component: string
  readonly about: KubeObject
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
}

function eventOf({ component, about, type, reason, message }: Said, key: ObjectKey, now: Timestamp): NewObject<KubeEvent> {
  const { name, namespace, uid, resourceVersion } = about.metadata
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: splitKey(key),
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
    source: { component },
    reportingComponent: component,
    reportingInstance: '',
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
