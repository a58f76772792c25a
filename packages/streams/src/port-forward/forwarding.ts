import type { Duplex } from 'node:stream'
import type { Clock } from '@bramble/reconcile/env'
import type { IdleLimit } from '../idle-limit.ts'

export interface PortForwardOptions {
  /** One connection to a port. `signal` aborts when it is over, or the client is gone. Rejects with an Error whose words the client sees. */
  readonly connect: (port: number, signal: AbortSignal) => Promise<Duplex>
  /** For people, in errors: `pod web, uid 4f1c…`. */
  readonly target: string
  /** For clients of channels, who name their ports when they begin. */
  readonly ports: readonly number[]
  readonly clock: Clock
  readonly idleMs?: number
  /** Ends it from our side. */
  readonly signal?: AbortSignal
}

export interface Forwarding extends PortForwardOptions {
  readonly idle: IdleLimit
  readonly signal: AbortSignal
}

/** What the error stream says of a connection that could not be made. */
export const forwardError = (port: number, target: string, error: unknown): string =>
  `error forwarding port ${port} to ${target}: ${error instanceof Error ? error.message : String(error)}`
