import type { Slot } from './plan.ts'

/** This node's releases and its launcher, which started this process. */
export interface Releases {
  /** The release that this process is. */
  readonly running: string
  look(): Promise<Slot>
  /**
   * Brings a release onto the disk, whole and tried; goes on where it was cut.
   * @throws UnfitRelease when this one can never run here, another error when it may be tried again.
   */
  fetch(version: string, signal: AbortSignal): Promise<void>
  /** The next start is that release, on trial. @throws DamagedRelease when it is not whole; it is not on the disk then. */
  stage(version: string, deadlineSeconds: number): Promise<void>
  /** The running release stays. */
  commit(version: string): Promise<void>
  /** That release is never staged again, until a person says otherwise. */
  giveUp(version: string, why: string): Promise<void>
  /** On trial: what the launcher should know when it ends the trial. */
  note(contact: 'waiting' | 'contact'): Promise<void>
}

/** It was fetched to its end and is not what was promised: fetching it again costs as much again. */
export class DamagedRelease extends Error {
  override readonly name = 'DamagedRelease'
}

/** A release is whole and cannot run on this node. */
export class UnfitRelease extends Error {
  override readonly name = 'UnfitRelease'
}
