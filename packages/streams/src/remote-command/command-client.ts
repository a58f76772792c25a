import type { Readable, Writable } from 'node:stream'
import type { TerminalSize } from '../remote-process.ts'

/** Whoever watches a process, whatever protocol they speak. All streams carry back-pressure. */
export interface CommandClient {
  /** What they type. Its end is theirs; destroying it throws away what else they type, no more. */
  readonly stdin?: Readable
  readonly stdout?: Writable
  readonly stderr?: Writable
  /** Aborts when they are gone. */
  readonly gone: AbortSignal
  onResize(take: (size: TerminalSize) => void): void
  /** Says how the process ended, after all output, then closes in order. Resolves when the connection is over. */
  finish(end: CommandEnd): Promise<void>
  /** At once. */
  destroy(): void
}

/** @see encodeEnd, encodeFailure */
export interface CommandEnd {
  /** Since version 4 of the protocol. */
  readonly status: string
  /** Before it; '' for success. */
  readonly text: string
}
