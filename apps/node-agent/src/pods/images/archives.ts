import { watch } from 'node:fs'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Env } from '@bramble/reconcile/env'
import { Signal } from '@bramble/reconcile/signal'
import { atomicWrite, isMissing, readIfPresent } from '../../host/files.ts'
import { fullImageName } from '../../runtime/podman/image-reference.ts'
import type { ImageService } from '../../runtime/runtime.ts'
import { within } from '../within.ts'
import type { TellNode } from './image-garbage.ts'
import type { ImageSource } from './image-pulls.ts'
import { unpacked } from './unpack.ts'

export interface ImageArchivesParts {
  readonly folder: string
  /** What was loaded is remembered here over restarts. */
  readonly statePath: string
  readonly images: Pick<ImageService, 'loadImages' | 'imageStatus'>
  readonly env: Env
  readonly tellNode: TellNode
}

interface Loaded {
  readonly sizeBytes: number
  readonly modifiedMs: number
  /** Names of the images in it; absent: it could not be loaded. */
  readonly names?: readonly string[]
}

const ARCHIVE = /\.(tar|tar\.gz|tgz|tar\.zst|tar\.xz|tar\.bz2)$/
/** A file that is still being copied grows within this time. */
const SETTLE_MS = 2_000
/** In case a change was not told, as on network file systems. */
const LOOK_AGAIN_MS = 10 * 60_000
const LOAD_MS_MAX = 60 * 60_000

/**
 * Images from archives in a folder, for sites without a registry: each is loaded once, and again when its file changes or its images
 * were removed meanwhile and are wanted. An archive that cannot be loaded is told of once.
 */
export class ImageArchives implements ImageSource {
  readonly #parts: ImageArchivesParts
  readonly #known = new Map<string, Loaded>()
  readonly #change = new Signal()
  #isChanged = false
  readonly #looked = new Signal()
  #hasLooked = false
  #loading: Promise<unknown> = Promise.resolve()

  constructor(parts: ImageArchivesParts) {
    this.#parts = parts
  }

  /** Until the folder has been looked at for the first time, everything may be in it. */
  mayHold(reference: string): boolean {
    return !this.#hasLooked || this.#archiveOf(reference) !== undefined
  }

  async provide(reference: string, signal: AbortSignal): Promise<void> {
    while (!this.#hasLooked && !signal.aborted) await this.#looked.wait(signal)
    const archive = this.#archiveOf(reference)
    if (archive === undefined || signal.aborted) return
    const present = await this.#parts.images.imageStatus(reference).catch(() => undefined)
    if (present) return
    await this.#alone(() => this.#load(archive, this.#known.get(archive)!, signal))
  }

  /** Loads what is new in the folder until `signal` aborts. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const { env, folder } = this.#parts
    try {
      await mkdir(folder, { recursive: true })
      await rm(this.#draftPath, { force: true }) // of an agent that was killed
      await this.#restore()
    } catch (error) {
      env.log.warn('the folder of image archives cannot be used', { folder, error })
    }
    while (!signal.aborted) {
      using _watch = this.#watch()
      this.#isChanged = false
      const again = await this.#loadNew(signal)
      this.#hasLooked = true
      this.#looked.notify()
      if (!again && !this.#isChanged) {
        const stop = new AbortController()
        const until = AbortSignal.any([signal, stop.signal])
        await Promise.race([this.#change.wait(until), env.clock.sleep(LOOK_AGAIN_MS, until)])
        stop.abort()
      }
      await env.clock.sleep(SETTLE_MS, signal)
    }
  }

  /** @returns whether a file still grows. */
  async #loadNew(signal: AbortSignal): Promise<boolean> {
    const found = await this.#files()
    for (const name of this.#known.keys()) if (!found.has(name)) this.#known.delete(name)
    let grows = false
    for (const [name, file] of found) {
      if (signal.aborted) return false
      const known = this.#known.get(name)
      if (known?.sizeBytes === file.sizeBytes && known.modifiedMs === file.modifiedMs) continue
      if (mayGrow(file.modifiedMs, this.#parts.env.clock.nowMs())) grows = true
      else await this.#alone(() => this.#load(name, file, signal))
    }
    return grows
  }

  async #load(name: string, { sizeBytes, modifiedMs }: Loaded, signal: AbortSignal): Promise<void> {
    const { images, env, folder, tellNode } = this.#parts
    let names: readonly string[] | undefined
    try {
      const loaded = await within(env.clock, LOAD_MS_MAX, 'loading it', signal, async (until) =>
        images.loadImages(await unpacked(join(folder, name), this.#draftPath, until), until),
      )
      names = loaded.flatMap((image) => [...image.names, ...image.digests, image.id])
      env.log.info('loaded images from an archive', { archive: name, images: loaded.flatMap((image) => image.names) })
    } catch (error) {
      if (signal.aborted) return
      env.log.warn('an archive of images cannot be loaded', { archive: name, error })
      tellNode('Warning', 'ImageArchiveFailed', `Failed to load images from "${join(folder, name)}": ${(error as Error).message}`)
    } finally {
      await rm(this.#draftPath, { force: true })
    }
    this.#known.set(name, { sizeBytes, modifiedMs, ...(names && { names }) })
    await this.#save()
  }

  /** Of an archive that is being unpacked. */
  get #draftPath(): string {
    return `${this.#parts.statePath}.unpacked`
  }

  #archiveOf(reference: string): string | undefined {
    const wanted = comparable(reference)
    for (const [name, { names = [] }] of this.#known) if (names.some((each) => comparable(each) === wanted)) return name
    return undefined
  }

  async #files(): Promise<ReadonlyMap<string, Loaded>> {
    const { folder, env } = this.#parts
    const files = new Map<string, Loaded>()
    try {
      for (const name of (await readdir(folder)).sort()) {
        if (!ARCHIVE.test(name) || name.startsWith('.')) continue
        const stats = await stat(join(folder, name)).catch((error: unknown) => (isMissing(error) ? undefined : Promise.reject(error)))
        if (stats?.isFile()) files.set(name, { sizeBytes: stats.size, modifiedMs: Math.floor(stats.mtimeMs) })
      }
    } catch (error) {
      if (!isMissing(error)) env.log.warn('the folder of image archives cannot be read', { folder, error })
    }
    return files
  }

  #watch(): Disposable {
    try {
      const watcher = watch(this.#parts.folder, { persistent: false }, () => {
        this.#isChanged = true
        this.#change.notify()
      })
      watcher.on('error', () => watcher.close())
      return { [Symbol.dispose]: () => watcher.close() }
    } catch {
      return { [Symbol.dispose]: () => {} } // looked at now and then
    }
  }

  async #restore(): Promise<void> {
    const text = await readIfPresent(this.#parts.statePath)
    if (text === undefined) return
    try {
      for (const [name, loaded] of Object.entries(JSON.parse(text) as Record<string, Loaded>)) this.#known.set(name, loaded)
    } catch (error) {
      this.#parts.env.log.warn('it is forgotten which archives were loaded: all are loaded again', { error })
    }
  }

  async #save(): Promise<void> {
    try {
      await atomicWrite(this.#parts.statePath, JSON.stringify(Object.fromEntries(this.#known)), 0o600)
    } catch (error) {
      this.#parts.env.log.warn('which archives were loaded cannot be written down', { error })
    }
  }

  /** One archive at a time: each is a long run over the disk. */
  #alone(work: () => Promise<void>): Promise<void> {
    const turn = this.#loading.then(work)
    this.#loading = turn.catch(() => {})
    return turn
  }
}

/** Whether somebody may still be copying a file that changed then. One of long ago, or of another clock's future, is whole. */
export const mayGrow = (modifiedMs: number, nowMs: number): boolean => Math.abs(nowMs - modifiedMs) < SETTLE_MS

/** `nginx` and `docker.io/library/nginx:latest` are one image. */
function comparable(reference: string): string {
  try {
    return fullImageName(reference)
  } catch {
    return reference
  }
}
