import type { Assignment, NodeHello, StatusReport, StreamRequest } from './link.ts'

// What the two ends say to each other, whatever carries it. Each message names its session, so one of an older session
// is recognised. A carrier may lose, delay, repeat and reorder messages: what must arrive is numbered and sent again
// until it is answered. Nothing is said when nothing changes.

export type UpMessage =
  | { readonly type: 'hello'; readonly session: string; readonly hello: NodeHello }
  /** Answered by `taken` with the same batch number. One batch at a time; a batch before the latest is stale. */
  | { readonly type: 'report'; readonly session: string; readonly batch: number; readonly reports: readonly StatusReport[] }
  | { readonly type: 'resync'; readonly session: string; readonly batch: number }
  /** The agent has read everything on the channel up to and including this number. */
  | { readonly type: 'got'; readonly session: string; readonly channel: Channel; readonly through: number }
  /** `lost` is the last will: written in advance, said by the broker. */
  | { readonly type: 'bye'; readonly session: string; readonly why: 'goodbye' | 'lost' }

export type DownMessage =
  /** `timeMs`: the server's clock, epoch milliseconds; absent where the server is an older one. */
  | { readonly type: 'welcome'; readonly session: string; readonly timeMs?: number }
  | { readonly type: 'assign'; readonly session: string; readonly number: number; readonly item: Assignment }
  | { readonly type: 'stream'; readonly session: string; readonly number: number; readonly item: StreamRequest }
  /** `timeMs`: now and then, as in `welcome`. */
  | { readonly type: 'taken'; readonly session: string; readonly batch: number; readonly taken: boolean; readonly timeMs?: number }
  /** The server ended, refused or does not know the session. */
  | { readonly type: 'end'; readonly session: string; readonly reason: string }

/** Downward messages are numbered from 1 on each of these. */
export type Channel = 'assign' | 'stream'

/** How many messages of one channel may be on their way. A node that lets more pile up loses its session. */
export const WINDOW = 256

export interface LinkTiming {
  /** An unanswered message is sent again after this long. */
  readonly resendMs: number
  /** After this long without an answer the session is given up. */
  readonly giveUpMs: number
}
