import { statfs } from 'node:fs/promises'
import type { Env } from '@bramble/reconcile/env'
import type { UsageService } from '../runtime/runtime.ts'
import type { MeasuredPod } from './measured-pod.ts'
import type { ContainerReading, Measures } from './measures.ts'

/** Counting files reads the disk: as often as kubelet does by default. Source: kubelet, `volumeStatsAggPeriod`. */
const COUNT_MS_MIN = 60_000
/** Then the page goes out without what has not been counted. */
const COUNT_MS_MAX = 20_000

/** How full a file system is. */
export interface FileSystemReading {
  readonly atMs: number
  readonly capacityBytes: number
  readonly usedBytes: number
  readonly availableBytes: number
  readonly inodes: number
  readonly inodesFree: number
}
export interface CountedBytes {
  readonly usedBytes: number
  readonly inodes?: number
}
/** What was counted: layers by container id, folders by pod uid. */
export interface DiskCount {
  readonly atMs: number
  readonly layers: ReadonlyMap<string, CountedBytes>
  readonly pods: ReadonlyMap<string, PodFolders>
}
export interface PodFolders {
  readonly volumes: readonly { readonly name: string; readonly usedBytes: number; readonly inodes: number; readonly inMemory: boolean }[]
  readonly logBytes: number
}
export interface ClaimReading extends FileSystemReading {
  readonly volume: string
  readonly claim: string
}

export interface DiskMeasuresParts {
  readonly env: Env
  readonly runtime: Pick<UsageService, 'writableLayers' | 'imageFolder'>
  readonly foldersOf: (podUid: string, signal: AbortSignal) => Promise<PodFolders>
  readonly measures: Pick<Measures, 'mountsOf' | 'pathIn'>
  /** On the file system that counts as the node's own. */
  readonly dataFolder: string
}

/** What is on the node's disks, counted when somebody asks, at most once a minute whoever asks. */
export class DiskMeasures {
  readonly #parts: DiskMeasuresParts
  #counted: DiskCount | undefined
  #counting: Promise<DiskCount> | undefined
  #imageFolder: string | undefined

  constructor(parts: DiskMeasuresParts) {
    this.#parts = parts
  }

  /** Never rejects: what cannot be counted is left out. */
  async count(pods: readonly MeasuredPod[]): Promise<DiskCount> {
    const nowMs = this.#parts.env.clock.nowMs()
    if (this.#counted && Math.abs(nowMs - this.#counted.atMs) < COUNT_MS_MIN) return this.#counted
    this.#counting ??= this.#countNow(pods).finally(() => {
      this.#counting = undefined
    })
    this.#counted = await this.#counting
    return this.#counted
  }

  node(): Promise<FileSystemReading | undefined> {
    return this.#fileSystem(this.#parts.dataFolder)
  }

  async images(): Promise<FileSystemReading | undefined> {
    this.#imageFolder ??= await this.#parts.runtime.imageFolder().catch(() => undefined)
    return this.#imageFolder === undefined ? undefined : this.#fileSystem(this.#imageFolder)
  }

  /** How full the volumes are that the pod claimed; those on other machines are not asked, as they may not answer. */
  async claims(containers: readonly ContainerReading[]): Promise<readonly ClaimReading[]> {
    const found = new Map<string, ClaimReading>()
    for (const { container, pid } of containers) {
      if (container.claims.length === 0 || pid === undefined) continue
      const mounts = this.#parts.measures.mountsOf(pid)
      for (const { volume, claim, path } of container.claims) {
        if (found.has(volume) || !mounts.has(path)) continue
        const reading = await this.#fileSystem(this.#parts.measures.pathIn(pid, path))
        if (reading) found.set(volume, { volume, claim, ...reading })
      }
    }
    return [...found.values()]
  }

  async #countNow(pods: readonly MeasuredPod[]): Promise<DiskCount> {
    const { env, runtime, foldersOf } = this.#parts
    const limit = AbortSignal.timeout(COUNT_MS_MAX)
    const layers = new Map<string, CountedBytes>()
    const folders = new Map<string, PodFolders>()
    try {
      for (const { containerId, usedBytes, inodes } of await runtime.writableLayers())
        layers.set(containerId, { usedBytes, ...(inodes !== undefined && { inodes }) })
      for (const { uid } of pods) folders.set(uid, await foldersOf(uid, limit))
    } catch (error) {
      env.log.warn('not everything on the disk could be counted', { error })
    }
    return { atMs: env.clock.nowMs(), layers, pods: folders }
  }

  async #fileSystem(path: string): Promise<FileSystemReading | undefined> {
    try {
      const { blocks, bfree, bavail, bsize, files, ffree } = await statfs(path)
      return {
        atMs: this.#parts.env.clock.nowMs(),
        capacityBytes: blocks * bsize,
        usedBytes: (blocks - bfree) * bsize,
        availableBytes: bavail * bsize,
        inodes: files,
        inodesFree: ffree,
      }
    } catch {
      return undefined // gone meanwhile
    }
  }
}
