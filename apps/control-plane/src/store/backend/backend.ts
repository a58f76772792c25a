import type { KubeObject } from '@bramble/api/object'

/** Position in the one history of the cluster. Clients see it as `metadata.resourceVersion`: a decimal integer. */
export type Revision = number

/** One stored object. `value` is frozen and carries its own `metadata.resourceVersion`, equal to `modified`. */
export interface Entry {
  readonly key: string
  readonly value: KubeObject
  readonly created: Revision
  readonly modified: Revision
}

/** There is no blind write. */
export type Write =
  | { readonly op: 'put'; readonly key: string; readonly value: KubeObject; readonly expect: Revision | 'absent' }
  | { readonly op: 'delete'; readonly key: string; readonly expect: Revision }

/** One commit, as the backend keeps or announces it. */
export interface Change {
  readonly revision: Revision
  readonly writes: readonly Write[]
}

/**
 * What a storage engine implements; the Store above it owns index, compare-and-swap, history and watch.
 * SQLite: one process. etcd: several control planes, one history.
 */
export interface Backend {
  /** Everything that is stored, and the lowest revision that was never handed out before. Once, before the first commit. */
  load(): Promise<{ readonly revision: Revision; readonly entries: AsyncIterable<Entry> }>
  /**
   * All or none, durable when it resolves. The Store serialises commits and has checked `expect`; the engine may group
   * commits that are under way.
   *
   * @throws StorageError when it is not stored, e.g. a full disk; then nothing of it is.
   */
  commit(change: Change): Promise<void>
  /**
   * Volatile writes use up revisions as well. Makes sure that no revision up to `through` is ever handed out again
   * after a restart. The Store calls it rarely, for thousands of revisions at once.
   */
  reserve(through: Revision): Promise<void>
  /** What it takes of the disk now. */
  sizeBytes?(): number
  close(): Promise<void>
}

/** The disk said no; the message says what and what to do. */
export class StorageError extends Error {
  override name: string = 'StorageError'
}

/** There is no room; nothing was stored, and writes succeed again once there is. */
export class DiskFullError extends StorageError {
  override name = 'DiskFullError'
}
