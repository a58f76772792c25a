import type { StatusReport } from '@bramble/link/link'
import type { Clock } from '@bramble/reconcile/env'

/** Of one pod, or of the node: so many at once, then one each five minutes. Source: client-go tools/record EventSourceObjectSpamFilter. */
const OBJECT_BURST = 25
const OBJECT_REFILL_MS = 300_000
/** Of all together. Kubelet's are 100 and 50 each second: too much for a radio link. */
const NODE_BURST = 50
const NODE_REFILL_MS = 200
/** Objects that are remembered; the oldest are forgotten. */
const OBJECTS_MAX = 500

/** Keeps a crash loop from filling the link with words about itself. What is left out is counted by the next one of its kind. */
export class EventLimit {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #objects = new Map<string, Bucket>()
  #node: Bucket

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock
    this.#node = { left: NODE_BURST, atMs: clock.monotonicMs() }
  }

  /** Whether it may be told. Whatever is no Event may. */
  accepts(report: StatusReport): boolean {
    if (report.type !== 'event') return true
    const nowMs = this.#clock.monotonicMs()
    const { kind, namespace, name, uid } = report.event.involvedObject
    const key = [kind, namespace, name, uid].join('/')
    const object = refilled(this.#objects.get(key) ?? { left: OBJECT_BURST, atMs: nowMs }, nowMs, OBJECT_BURST, OBJECT_REFILL_MS)
    this.#node = refilled(this.#node, nowMs, NODE_BURST, NODE_REFILL_MS)
    const isAccepted = object.left >= 1 && this.#node.left >= 1
    this.#objects.delete(key)
    this.#objects.set(key, isAccepted ? { ...object, left: object.left - 1 } : object)
    if (this.#objects.size > OBJECTS_MAX) this.#objects.delete(this.#objects.keys().next().value!)
    if (isAccepted) this.#node = { ...this.#node, left: this.#node.left - 1 }
    return isAccepted
  }
}

interface Bucket {
  readonly left: number
  readonly atMs: number
}

const refilled = ({ left, atMs }: Bucket, nowMs: number, burst: number, refillMs: number): Bucket => ({
  left: Math.min(burst, left + (nowMs - atMs) / refillMs),
  atMs: nowMs,
})
