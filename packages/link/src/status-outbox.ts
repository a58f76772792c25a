import type { Clock } from '@bramble/reconcile/env'
import { Signal } from '@bramble/reconcile/signal'
import { reportId, type StatusReport } from './link.ts'

const RETRY_MS = 1_000
const BATCH_MAX = 50
/** Events beyond this are dropped, oldest first; statuses are bounded by the number of pods. */
const EVENTS_MAX = 500

/** Reports the newest status of each object until it is accepted. Older ones are overwritten, not queued. */
export class StatusOutbox {
  readonly #pending = new Map<string, StatusReport>()
  readonly #change = new Signal()
  readonly #accepts: (report: StatusReport) => boolean

  /** @param accepts Asked for each report; one that is not accepted is forgotten. Default: all are. */
  constructor(accepts: (report: StatusReport) => boolean = () => true) {
    this.#accepts = accepts
  }

  /** What waits to be accepted, for saving across a restart. */
  get pending(): readonly StatusReport[] {
    return [...this.#pending.values()]
  }

  put(report: StatusReport): void {
    if (!this.#accepts(report)) return
    const id = reportId(report)
    const before = this.#pending.get(id)
    if (before?.type === 'pod-gone' && report.type === 'pod-status') return // gone is final
    this.#pending.delete(id)
    this.#pending.set(id, report)
    if (report.type === 'event') this.#dropOldEvents()
    this.#change.notify()
  }

  /** Sends until `signal` aborts; a failed batch is kept and tried again, with whatever became newer meanwhile. */
  async run(send: (batch: readonly StatusReport[]) => Promise<void>, clock: Clock, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const batch = [...this.#pending].slice(0, BATCH_MAX)
      if (batch.length === 0) {
        await this.#change.wait(signal)
        continue
      }
      try {
        await send(batch.map(([, report]) => report))
      } catch {
        await clock.sleep(RETRY_MS, signal) // offline is normal for a Pi; keep the newest and try again
        continue
      }
      for (const [id, sent] of batch) if (this.#pending.get(id) === sent) this.#pending.delete(id)
    }
  }

  #dropOldEvents(): void {
    const events = [...this.#pending.keys()].filter((id) => id.startsWith('event '))
    for (const id of events.slice(0, Math.max(0, events.length - EVENTS_MAX))) this.#pending.delete(id)
  }
}
