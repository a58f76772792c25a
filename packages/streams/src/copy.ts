import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { IdleLimit } from './idle-limit.ts'

/** Copies until `from` ends, then ends `to`; when either breaks, both are destroyed and it rejects. All that passes counts as use. */
export const copy = (from: Readable, to: Writable, idle: IdleLimit): Promise<void> =>
  pipeline(
    from,
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        idle.touch()
        yield chunk
      }
    },
    to,
  )
