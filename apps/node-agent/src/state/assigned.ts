import type { Assigned } from '@bramble/link/assignment'

/** The last assignment, kept across reboots: what starts when there is no network. Holds secrets: for root on this device only. */
export interface AssignedStore {
  /** undefined when there is none, or it is damaged (then it has been put aside, and the log says so). */
  load(): Promise<Assigned | undefined>
  /** Atomic and durable when it resolves: write temp, fsync, rename, fsync of the folder. Unchanged content is not written. */
  save(assigned: Assigned): Promise<void>
}
