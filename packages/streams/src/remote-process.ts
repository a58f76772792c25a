import type { Readable, Writable } from 'node:stream'

/** Which streams of a process are carried. With `tty`, errors come over stdout. Source: core/v1 PodExecOptions. */
export interface Stdio {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly tty: boolean
}

/** In characters. */
export interface TerminalSize {
  readonly width: number
  readonly height: number
}

/**
 * A command that runs in a container, or a container that somebody is attached to. The same on both ends of the link: in the agent it
 * is what the runtime gives, in the control plane what the node carries, and what clients are served from.
 *
 * Streams carry back-pressure; those that were not asked for are absent. Destroying any of them, or aborting the signal that it was
 * opened with, ends all; the command itself may go on.
 */
export interface RemoteProcess {
  /** `end()` is the half-close: the process sees the end of its input, output goes on. */
  readonly stdin?: Writable
  readonly stdout?: Readable
  readonly stderr?: Readable
  /** Does nothing without a terminal. Never throws. */
  resize(size: TerminalSize): void
  /**
   * Resolves when the process has ended and all its output was given to the streams above; for attach, when the container has ended or
   * lets go. Rejects with a StatusError when it could not be followed to its end.
   */
  readonly ended: Promise<ProcessEnd>
}

export interface ProcessEnd {
  /** As a shell says it: 128 + signal when it was killed. Always 0 for attach. */
  readonly exitCode: number
}
