import type { Clock } from '@bramble/reconcile/env'

const WAIT_MS = 5_000
const JOBS_MAX = 64

/**
 * Work that may take long, or never end when a server is gone: it goes on by itself, whoever asks waits only a moment. So a volume
 * that hangs holds up nothing but its own pod.
 */
export class SlowWork {
  readonly #clock: Clock
  readonly #jobs = new Map<string, Job>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * The result of `work`, or of the same key's work that was begun before: also of one that failed while nobody waited.
   * @throws what the work throws; an Error that says `busy` when it is not done yet: ask again.
   */
  async get<T>(key: string, busy: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const job = this.#jobs.get(key) ?? this.#begin(key, work)
    const stop = new AbortController()
    const tired = this.#clock.sleep(WAIT_MS, stop.signal).then((): never => {
      throw new Error(busy)
    })
    tired.catch(() => {})
    try {
      const result = await Promise.race([job.result, tired])
      this.#jobs.delete(key)
      return result as T
    } catch (error) {
      if (job.isOver) this.#jobs.delete(key)
      throw error
    } finally {
      stop.abort()
    }
  }

  /**
   * Ends all work whose key starts with `prefix`.
   * @throws Error when some of it does not end: nothing that it uses may be removed yet.
   */
  async end(prefix: string): Promise<void> {
    for (const [key, job] of this.#jobs) {
      if (!key.startsWith(prefix)) continue
      job.stop.abort(new Error('the pod is gone'))
      const ended = job.result.then(
        () => true,
        () => true,
      )
      const patience = new AbortController()
      const isOver = await Promise.race([ended, this.#clock.sleep(WAIT_MS, patience.signal).then(() => false)])
      patience.abort()
      if (!isOver) throw new Error(`${key} is still being worked on`)
      this.#jobs.delete(key)
    }
  }

  #begin(key: string, work: (signal: AbortSignal) => Promise<unknown>): Job {
    if (this.#jobs.size >= JOBS_MAX) throw new Error(`${JOBS_MAX} volumes are being worked on already`)
    const stop = new AbortController()
    const job: Job = { stop, result: work(stop.signal), isOver: false }
    job.result.then(
      () => (job.isOver = true),
      () => (job.isOver = true),
    )
    this.#jobs.set(key, job)
    return job
  }
}

interface Job {
  readonly stop: AbortController
  readonly result: Promise<unknown>
  isOver: boolean
}
