const BATCH_FIRST = 10
const BATCH_MAX = 100

/**
 * Does `act(0)` … `act(count - 1)`, side by side in batches that double, so that one commit carries many. After a batch
 * with a failure the rest is left undone: what failed once mostly fails again.
 * @returns what was thrown, in order; empty when all went well.
 */
export async function inBatches(count: number, act: (index: number) => Promise<void>): Promise<readonly unknown[]> {
  for (let done = 0, size = BATCH_FIRST; done < count; done += size, size = Math.min(size * 2, BATCH_MAX)) {
    const batch = Array.from({ length: Math.min(size, count - done) }, (_, index) => act(done + index))
    const failures = (await Promise.allSettled(batch)).filter((result) => result.status === 'rejected').map(({ reason }): unknown => reason)
    if (failures.length > 0) return failures
  }
  return []
}
