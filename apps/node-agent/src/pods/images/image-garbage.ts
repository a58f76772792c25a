import { statfs } from 'node:fs/promises'
import type { Env } from '@bramble/reconcile/env'
import type { ImageService, Runtime, SandboxState } from '../../runtime/runtime.ts'
import { bytesToFree, type DiskSpace, type GarbagePolicy, type KnownImage, planRemoval } from './plan.ts'
import type { PullRecords } from './pull-records.ts'

/** Words about the node itself. */
export type TellNode = (type: 'Normal' | 'Warning', reason: string, message: string) => void

export interface ImageGarbageParts {
  readonly runtime: Pick<ImageService, 'imageStatus' | 'listImages' | 'removeImage'> &
    Pick<Runtime, 'observe' | 'removeContainer' | 'imageFolder'>
  readonly env: Env
  readonly policy: GarbagePolicy
  /** Images that assigned pods name: waiting ones, static ones, init containers and all. */
  readonly wanted: () => readonly string[]
  /** What runs, as far as it is known without asking. */
  readonly running?: () => readonly SandboxState[]
  readonly tellNode: TellNode
  readonly records?: PullRecords
  /** Of the disk that holds a folder. Default: the kernel's answer. */
  readonly diskSpace?: (folder: string) => Promise<DiskSpace>
}

/** Only the kernel is asked, until there is something to remove. */
const PERIOD_MS = 5 * 60_000

/**
 * Removes images that nothing needs when their disk fills.
 * @see Source: kubelet images imageGCManager; Kubernetes "Garbage Collection: Container image lifecycle".
 */
export class ImageGarbage {
  readonly #parts: ImageGarbageParts
  readonly #usedMs = new Map<string, number>()
  readonly #foundMs = new Map<string, number>()
  #hasListed = false
  #folder: Promise<string> | undefined
  #working: Promise<unknown> = Promise.resolve()
  #failures = 0

  constructor(parts: ImageGarbageParts) {
    this.#parts = parts
  }

  /** An image is about to be used by a container. */
  noteUse(imageId: string): void {
    const nowMs = this.#parts.env.clock.monotonicMs()
    this.#usedMs.set(imageId, nowMs)
    if (!this.#foundMs.has(imageId)) this.#foundMs.set(imageId, nowMs)
  }

  /** What runs uses its images. */
  noteRunning(sandboxes: readonly SandboxState[]): void {
    for (const { image } of sandboxes.flatMap(({ containers }) => containers)) this.noteUse(image)
  }

  /** Looks at the disk now and then until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { env } = this.#parts
    while (!signal.aborted) {
      await env.clock.sleep(PERIOD_MS * (0.75 + env.random() / 2), signal)
      if (!signal.aborted) await this.#look(signal)
    }
  }

  /**
   * Removes ended containers that a newer one has followed, then images that nothing needs, until so much more of the disk is free.
   * For disk pressure: whatever the levels are.
   *
   * @returns bytes by which the disk became emptier; less than asked when there is nothing more to remove. Never throws.
   */
  freeBytes(targetBytes: number, signal: AbortSignal): Promise<number> {
    return this.#alone(async () => {
      try {
        const before = (await this.#space()).availableBytes
        await this.#removeOldAttempts()
        const left = targetBytes - ((await this.#space()).availableBytes - before)
        if (left > 0) await this.#removeImages(left, signal)
        return Math.max(0, (await this.#space()).availableBytes - before)
      } catch (error) {
        this.#parts.env.log.warn('images could not be removed', { error })
        return 0
      }
    })
  }

  async #look(signal: AbortSignal): Promise<void> {
    try {
      this.noteRunning(this.#parts.running?.() ?? [])
      await this.#alone(() => this.#collect(signal))
      this.#failures = 0
    } catch (error) {
      if (signal.aborted) return
      const { message } = error as Error
      this.#parts.env.log.warn('image garbage collection failed', { error })
      if (++this.#failures > 1) this.#parts.tellNode('Warning', 'ImageGCFailed', message)
    }
  }

  async #collect(signal: AbortSignal): Promise<void> {
    const space = await this.#space()
    if (space.capacityBytes === 0) {
      const message = 'invalid capacity 0 on image filesystem'
      this.#parts.tellNode('Warning', 'InvalidDiskCapacity', message)
      throw new Error(message)
    }
    const target = bytesToFree(space, this.#parts.policy)
    if (target === 0) return
    await this.#removeImages(target, signal)
    const freed = Math.max(0, (await this.#space()).availableBytes - space.availableBytes)
    if (freed >= target) return
    const usedPercent = Math.round((1 - space.availableBytes / space.capacityBytes) * 100)
    const message =
      `Insufficient free disk space on the node's image filesystem (${usedPercent}% of ${inGiB(space.capacityBytes)} used). ` +
      `Failed to free sufficient space by deleting unused images (freed ${freed} bytes). ` +
      'Investigate disk usage, as it could be used by active images, logs, volumes, or other data.'
    this.#parts.tellNode('Warning', 'FreeDiskSpaceFailed', message)
    throw new Error(message)
  }

  /** Images share layers, so their sizes promise more than comes: measured after each round, until it is enough or nothing is left. */
  async #removeImages(targetBytes: number, signal: AbortSignal): Promise<void> {
    const { runtime, env } = this.#parts
    const start = (await this.#space()).availableBytes
    const refused = new Set<string>()
    for (;;) {
      signal.throwIfAborted()
      const left = targetBytes - ((await this.#space()).availableBytes - start)
      if (left <= 0) return
      const [known, needed] = [await this.#known(), await this.#needed()]
      const chosen = planRemoval(
        known.filter(({ image }) => !refused.has(image.id)),
        needed,
        left,
        env.clock.monotonicMs(),
        this.#parts.policy.ageMsMin,
      )
      if (chosen.length === 0) return
      for (const image of chosen) {
        signal.throwIfAborted()
        refused.add(image.id) // once: the runtime may keep what it says it removes
        try {
          await runtime.removeImage(image.id)
          env.log.info('removed an image that nothing needs', { image: image.names[0] ?? image.id, bytes: image.sizeBytes })
        } catch (error) {
          env.log.warn('an image could not be removed', { image: image.names[0] ?? image.id, error })
        }
      }
    }
  }

  async #known(): Promise<readonly KnownImage[]> {
    const nowMs = this.#parts.env.clock.monotonicMs()
    const images = await this.#parts.runtime.listImages()
    const ids = new Set(images.map(({ id }) => id))
    for (const { id } of images) if (!this.#foundMs.has(id)) this.#foundMs.set(id, this.#hasListed ? nowMs : -Infinity)
    for (const times of [this.#foundMs, this.#usedMs]) for (const id of times.keys()) if (!ids.has(id)) times.delete(id)
    this.#hasListed = true
    await this.#parts.records?.keepOnly(ids)
    return images.map((image) => ({
      image,
      foundMs: this.#foundMs.get(image.id) ?? -Infinity,
      usedMs: this.#usedMs.get(image.id) ?? -Infinity,
    }))
  }

  async #needed(): Promise<ReadonlySet<string>> {
    const { runtime, wanted } = this.#parts
    const sandboxes = await runtime.observe()
    this.noteRunning(sandboxes)
    const needed = new Set(sandboxes.flatMap(({ containers }) => containers).map(({ image }) => image))
    for (const reference of new Set(wanted())) {
      const image = await runtime.imageStatus(reference).catch(() => undefined) // a name that is none names no image
      if (image) needed.add(image.id)
    }
    return needed
  }

  async #removeOldAttempts(): Promise<void> {
    const { runtime, env } = this.#parts
    for (const { containers } of await runtime.observe())
      for (const old of containers) {
        const isFollowed = containers.some(({ name, attempt }) => name === old.name && attempt > old.attempt)
        if (old.state !== 'exited' || !isFollowed) continue
        await runtime
          .removeContainer(old.id)
          .catch((error: unknown) => env.log.warn('an ended container could not be removed', { container: old.name, error }))
      }
  }

  async #space(): Promise<DiskSpace> {
    this.#folder ??= this.#parts.runtime.imageFolder()
    try {
      return await (this.#parts.diskSpace ?? diskSpace)(await this.#folder)
    } catch (error) {
      this.#folder = undefined
      throw error
    }
  }

  /** Two at once would both free what one has to. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#working.then(work)
    this.#working = turn.catch(() => {})
    return turn
  }
}

const inGiB = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`

async function diskSpace(folder: string): Promise<DiskSpace> {
  const { bsize, blocks, bavail } = await statfs(folder)
  return { capacityBytes: blocks * bsize, availableBytes: bavail * bsize }
}
