import type { Family } from '@bramble/reconcile/metrics/family'
import { Count, Histogram } from '@bramble/reconcile/metrics/instruments'

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

/** What the store has done since it was opened. */
export class StoreStatistics {
  readonly #commits = new Count('counter', {
    name: 'bramble_store_commits_total',
    help: 'Commits by where they go (disk, memory) and how they ended (stored, failed).',
    labels: ['kind', 'result'],
  })
  readonly #seconds = new Histogram(
    { name: 'bramble_store_commit_duration_seconds', help: 'Time until a commit was on the disk.', labels: [] },
    SECONDS,
  )

  /** Whether the last commit that was to go to the disk did not get there. */
  isDiskFailing = false

  committed(isDurable: boolean, isStored: boolean, seconds: number): void {
    this.#commits.add([isDurable ? 'disk' : 'memory', isStored ? 'stored' : 'failed'])
    if (isDurable) this.isDiskFailing = !isStored
    if (isDurable && isStored) this.#seconds.observe([], seconds)
  }

  families(): readonly Family[] {
    return [this.#commits.family(), this.#seconds.family()]
  }
}
