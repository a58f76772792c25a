import type { ObjectKey } from '@bramble/api/object'
import type { Clock } from '@bramble/reconcile/env'
import { Signal } from '@bramble/reconcile/signal'

interface Waiting {
  readonly key: ObjectKey
  readonly priority: number
  readonly order: number
}
interface Failure {
  readonly attempts: number
  /** Monotonic; not tried again before. */
  readonly untilMs: number
}

const BACKOFF_MIN_MS = 1_000
const BACKOFF_MAX_MS = 10_000

/**
 * Pods that want a node: the highest priority first, then the longest waiting. A pod that found none is parked until
 * something changes, and even then at most every second, later every ten.
 */
export class SchedulingQueue {
  readonly #clock: Clock
  readonly #active: Waiting[] = [] // a binary heap
  readonly #queued = new Map<ObjectKey, Waiting>()
  readonly #parked = new Map<ObjectKey, number>()
  readonly #failures = new Map<ObjectKey, Failure>()
  /** Parked pods whose back-off is being waited for. */
  readonly #due = new Map<ObjectKey, { readonly atMs: number; readonly priority: number }>()
  readonly #change = new Signal()
  #order = 0
  #alarmAtMs = Infinity

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get parkedCount(): number {
    return this.#parked.size
  }

  /** Does nothing when the pod waits already. */
  add(key: ObjectKey, priority: number): void {
    if (this.#queued.has(key)) return
    this.#parked.delete(key)
    const waiting = { key, priority, order: this.#order++ }
    this.#queued.set(key, waiting)
    push(this.#active, waiting)
    this.#change.notify()
  }

  /** Puts the pod aside until {@link retryParked}. */
  park(key: ObjectKey, priority: number): void {
    this.#fail(key)
    this.#parked.set(key, priority)
  }

  /** Tries the pod again after its back-off, whatever else happens. */
  retryLater(key: ObjectKey, priority: number, signal: AbortSignal): void {
    this.park(key, priority)
    this.#release(key, priority, signal)
  }

  /** Something changed that may make room: every parked pod is tried again, when its back-off is over. */
  retryParked(signal: AbortSignal): void {
    for (const [key, priority] of this.#parked) this.#release(key, priority, signal)
  }

  /** The pod found a node, or is gone. */
  forget(key: ObjectKey): void {
    this.#queued.delete(key) // its place in the heap is skipped later
    this.#parked.delete(key)
    this.#failures.delete(key)
    this.#due.delete(key)
  }

  /** The next pod; waits for one. @returns undefined when `signal` aborts. */
  async next(signal: AbortSignal): Promise<ObjectKey | undefined> {
    while (!signal.aborted) {
      const first = pop(this.#active)
      if (!first) await this.#change.wait(signal)
      else if (this.#queued.get(first.key) === first) {
        this.#queued.delete(first.key)
        return first.key
      }
    }
    return undefined
  }

  #release(key: ObjectKey, priority: number, signal: AbortSignal): void {
    const untilMs = this.#failures.get(key)?.untilMs ?? 0
    if (untilMs <= this.#clock.monotonicMs()) return this.add(key, priority)
    this.#due.set(key, { atMs: untilMs, priority })
    if (untilMs < this.#alarmAtMs) void this.#alarm(untilMs, signal)
  }

  /** One sleeper for all that are due some time. */
  async #alarm(atMs: number, signal: AbortSignal): Promise<void> {
    this.#alarmAtMs = atMs
    await this.#clock.sleep(atMs - this.#clock.monotonicMs(), signal)
    if (signal.aborted || this.#alarmAtMs !== atMs) return
    this.#alarmAtMs = Infinity
    const nowMs = this.#clock.monotonicMs()
    for (const [key, { atMs: dueMs, priority }] of [...this.#due]) {
      if (dueMs > nowMs) continue
      this.#due.delete(key)
      this.add(key, priority)
    }
    const next = Math.min(...[...this.#due.values()].map((each) => each.atMs))
    if (next < this.#alarmAtMs) void this.#alarm(next, signal)
  }

  #fail(key: ObjectKey): void {
    const attempts = (this.#failures.get(key)?.attempts ?? 0) + 1
    const waitMs = Math.min(BACKOFF_MIN_MS * 2 ** (attempts - 1), BACKOFF_MAX_MS)
    this.#failures.set(key, { attempts, untilMs: this.#clock.monotonicMs() + waitMs })
  }
}

const isBefore = (a: Waiting, b: Waiting): boolean => a.priority > b.priority || (a.priority === b.priority && a.order < b.order)

function push(heap: Waiting[], item: Waiting): void {
  let at = heap.push(item) - 1
  while (at > 0) {
    const parent = (at - 1) >>> 1
    if (!isBefore(item, heap[parent]!)) break
    heap[at] = heap[parent]!
    at = parent
  }
  heap[at] = item
}

function pop(heap: Waiting[]): Waiting | undefined {
  const first = heap[0]
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return first
  let at = 0
  for (let child = 1; child < heap.length; child = 2 * at + 1) {
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
    if (!isBefore(heap[child]!, last)) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = last
  return first
}
