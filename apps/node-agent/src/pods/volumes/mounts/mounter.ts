import type { MountEntry } from './mount-table.ts'

/** The mounts of this host. `host-mounter.ts`; `memory-mounter.ts` for tests. */
export interface Mounter {
  /** What the kernel shows now, in the order in which it was mounted. */
  list(): Promise<readonly MountEntry[]>
  /** @throws Error in the words that Kubernetes has for it, with what `mount` said. */
  mount(what: MountRequest, signal?: AbortSignal): Promise<void>
  /** A folder or file at another place as well. `source` may be a `/proc/…/fd/…` path: what is open there is bound, wherever it is by now. */
  bind(source: string, target: string): Promise<void>
  /** The latest mount at `target`; one that does not let go is detached, and ends when nobody uses it any more. Not mounted = success. */
  unmount(target: string): Promise<void>
  /** Whether the file system there answers in time. A server that is gone keeps whoever asks waiting, so another process asks. */
  answers(path: string): Promise<boolean>
}

export interface MountRequest {
  readonly type: string
  readonly source: string
  readonly target: string
  readonly options: readonly string[]
  /** Default: 30 000. */
  readonly timeoutMs?: number
}
