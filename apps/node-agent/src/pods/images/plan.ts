import type { ImageState } from '../../runtime/runtime.ts'

export interface DiskSpace {
  readonly capacityBytes: number
  /** For users other than root. */
  readonly availableBytes: number
}

/** A level of the disk that holds images: so much used at most, or so much free at least. */
export type DiskLevel = { readonly usedShare: number } | { readonly freeBytes: number }

export interface GarbagePolicy {
  /** Above it images are removed. */
  readonly high: DiskLevel
  /** Until this is reached. */
  readonly low: DiskLevel
  /** Younger images stay: somebody may be about to use them. */
  readonly ageMsMin: number
}

export interface KnownImage {
  readonly image: ImageState
  /** Monotonic milliseconds; -Infinity: it was there when the agent started. */
  readonly foundMs: number
  /** Monotonic milliseconds; -Infinity: not since the agent started. */
  readonly usedMs: number
}

/** On a small card so much is kept free in any case, where that is at most a quarter of it. */
const FREE_BYTES_MIN = 1 << 30
const SHARE_OF_SMALL_DISK = 0.25
/** Between the two levels, or every image that comes would set it off again. */
const FREE_BYTES_STEP = 256 << 20

/** 85%, 20Gi, 500Mi or plain bytes; undefined when it is none of these. */
export function diskLevel(text: string): DiskLevel | undefined {
  const percent = /^(\d{1,2}|100)%$/.exec(text)
  if (percent) return { usedShare: Number(percent[1]) / 100 }
  const bytes = /^(\d+)(Ki|Mi|Gi|Ti)?$/.exec(text)
  return bytes ? { freeBytes: Number(bytes[1]) * UNITS[bytes[2] ?? '']! } : undefined
}

const UNITS: Readonly<Record<string, number>> = { '': 1, Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3, Ti: 1024 ** 4 }

/** How much has to go: 0 while the disk is not above its high level, else what is missing to the low one. */
export function bytesToFree({ capacityBytes, availableBytes }: DiskSpace, { high, low }: GarbagePolicy): number {
  const smallDisk = Math.min(FREE_BYTES_MIN, capacityBytes * SHARE_OF_SMALL_DISK)
  const floor = Math.max(freeAt(high, capacityBytes), smallDisk)
  if (availableBytes > floor) return 0
  const goal = Math.max(freeAt(low, capacityBytes), floor + Math.min(FREE_BYTES_STEP, capacityBytes / 20))
  return Math.max(0, Math.ceil(Math.min(goal, capacityBytes) - availableBytes))
}

const freeAt = (level: DiskLevel, capacityBytes: number): number =>
  'freeBytes' in level ? level.freeBytes : Math.round(capacityBytes * (1 - level.usedShare))

/**
 * Images to remove so that `targetBytes` are freed, the one that was used longest ago first; none once the target is reached. Pure.
 *
 * @param needed Ids of images that a container has, or that an assigned pod asks for: never one of these.
 * @see Source: kubelet images imageGCManager.freeSpace.
 */
export function planRemoval(
  known: readonly KnownImage[],
  needed: ReadonlySet<string>,
  targetBytes: number,
  nowMs: number,
  ageMsMin: number,
): readonly ImageState[] {
  const candidates = known
    .filter(({ image, foundMs }) => !needed.has(image.id) && !isKept(image) && nowMs - foundMs >= ageMsMin)
    .sort((a, b) => byTime(a.usedMs, b.usedMs) || byTime(a.foundMs, b.foundMs) || (a.image.id < b.image.id ? -1 : 1))
  const chosen: ImageState[] = []
  let freed = 0
  for (const { image } of candidates) {
    if (freed >= targetBytes) break
    chosen.push(image)
    freed += image.sizeBytes
  }
  return chosen
}

const byTime = (a: number, b: number): number => (a === b ? 0 : a < b ? -1 : 1)

/** What no registry could give again: the runtime's own, and what was made on this node. */
const isKept = ({ pinned, names }: ImageState): boolean => pinned === true || names.some((name) => name.startsWith('localhost/'))
