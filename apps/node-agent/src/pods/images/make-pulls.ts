import type { Secret } from '@bramble/api/types/core'
import type { Env } from '@bramble/reconcile/env'
import type { ImageService } from '../../runtime/runtime.ts'
import type { PodEvents } from '../events.ts'
import { ImagePulls, type ImageSource } from './image-pulls.ts'
import { PullQueue } from './pull-queue.ts'
import { PullRecords } from './pull-records.ts'

/** How a node gets its images; everything has a default that suits a node without a disk of its own. */
export interface ImageSettings {
  /** Default: one at a time below 1 GiB of memory, else two. */
  readonly parallelMax?: number
  /** A registry that sends nothing for so long is given up. Default 3 min. */
  readonly stallMs?: number
  /** @see PullQueueParts.activity; default: nobody can tell. */
  readonly activity?: () => Promise<string | undefined>
  /** Default: known until the agent ends. */
  readonly records?: PullRecords
  readonly archives?: ImageSource
  readonly used?: (imageId: string) => void
}

export interface PullPlace {
  readonly images: ImageService
  readonly env: Env
  readonly events: PodEvents
  readonly secret: (namespace: string, name: string) => Secret | undefined
  readonly wake: (podUid: string) => void
  readonly memoryBytes: number
}

const SMALL_BOARD_BYTES = 1 << 30
const STALL_MS = 3 * 60_000

/** Pulls of one node as its settings say. */
export function makePulls({ images, env, events, secret, wake, memoryBytes }: PullPlace, settings: ImageSettings = {}): ImagePulls {
  const { archives, used } = settings
  return new ImagePulls({
    images,
    env,
    events,
    secret,
    wake,
    records: settings.records ?? PullRecords.inMemory(env.log),
    queue: new PullQueue({
      images,
      clock: env.clock,
      parallelMax: settings.parallelMax ?? (memoryBytes < SMALL_BOARD_BYTES ? 1 : 2),
      stallMs: settings.stallMs ?? STALL_MS,
      activity: settings.activity ?? (() => Promise.resolve(undefined)),
    }),
    ...(archives && { archives }),
    ...(used && { used }),
  })
}
