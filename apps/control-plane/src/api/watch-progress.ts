import type { Revision } from '../store/backend/backend.ts'
import type { StoreReads } from '../store/store-types.ts'

/** One watch's view of how far the store is. */
export interface Follower {
  /** Revision of the newest change under the prefix since it is followed; 0 before the first. */
  readonly newest: Revision
  stop(): void
}

/**
 * Says of a prefix when it last changed. A watch that has seen that change has seen everything up to the store's newest
 * revision, however long its own kind was quiet: that is what a bookmark promises.
 */
export class WatchProgress {
  readonly #followers = new Set<{ prefix: string; newest: Revision }>()

  constructor(store: StoreReads) {
    store.onChange(({ key, revision }) => {
      for (const follower of this.#followers) if (key.startsWith(follower.prefix)) follower.newest = revision
    })
  }

  follow(prefix: string): Follower {
    const follower = {
      prefix,
      newest: 0,
      stop: (): void => {
        this.#followers.delete(follower)
      },
    }
    this.#followers.add(follower)
    return follower
  }
}
