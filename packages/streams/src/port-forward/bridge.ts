import type { Duplex, Readable, Writable } from 'node:stream'
import { copy } from '../copy.ts'
import type { IdleLimit } from '../idle-limit.ts'

/** The client's half of one forwarded connection; both may be the same stream. */
export interface ClientHalf {
  readonly input: Readable
  readonly output: Writable
  /** The client has no way to end its input, short of leaving: when the other side has said all, all is over. */
  readonly endless?: true
  /** Its input ended because it gave up: nobody reads the answer then. */
  readonly abandoned?: () => boolean
}

/**
 * Carries bytes both ways until both sides have said all, each end by itself, or one breaks: then both are destroyed. Never rejects.
 */
export async function bridge({ input, output, endless, abandoned }: ClientHalf, connection: Duplex, idle: IdleLimit): Promise<void> {
  const drop = (): void => {
    input.destroy()
    output.destroy()
    connection.destroy()
  }
  const inward = copy(input, connection, idle).then(() => {
    if (abandoned?.()) drop()
  })
  const outward = copy(connection, output, idle).then(() => {
    if (endless) drop()
  })
  for (const way of [inward, outward]) way.catch(drop)
  await Promise.allSettled([inward, outward])
  connection.destroy()
}
