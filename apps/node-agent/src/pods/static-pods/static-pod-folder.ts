import { watch } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { timestamp } from '@bramble/api/duration'
import type { Pod } from '@bramble/api/types/pod'
import type { Env } from '@bramble/reconcile/env'
import { Signal } from '@bramble/reconcile/signal'
import { isMissing } from '../../host/files.ts'
import { messageOf } from '../message-of.ts'
import { readManifest } from './read-manifest.ts'
import { ManifestError } from './static-pod.ts'

export interface StaticPodFolderParts {
  readonly folder: string
  readonly nodeName: string
  readonly env: Env
  /** A manifest, or the folder, is no good; told once for each reason. */
  readonly failed: (path: string, why: string) => void
}

/** Looked at so often though nothing was told: some file systems tell nothing. */
const RESCAN_MS = 30_000
/** Editors write a file in several steps. */
const SETTLE_MS = 200
const FILES_MAX = 500

interface Known {
  /** Differs when the file does. */
  readonly version: string
  readonly pods: readonly Pod[]
}

/**
 * Pods that an operator put into a folder of the node: they run without a control plane. Only files that changed are read again;
 * one that cannot be used is left out, and the others run.
 * @see Source: kubelet config file.go.
 */
export class StaticPodFolder {
  readonly #parts: StaticPodFolderParts
  readonly #known = new Map<string, Known>()
  readonly #told = new Map<string, string>()
  readonly #changed = new Signal()
  #pods: readonly Pod[] | undefined

  constructor(parts: StaticPodFolderParts) {
    this.#parts = parts
  }

  /** All pods of the folder; as before when it cannot be read now, undefined when it never could. Never throws. */
  async scan(): Promise<readonly Pod[] | undefined> {
    const { folder } = this.#parts
    let names: readonly string[]
    try {
      names = (await readdir(folder)).filter((name) => !name.startsWith('.')).sort()
    } catch (error) {
      if (!isMissing(error)) {
        this.#tell(folder, messageOf(error))
        return this.#pods
      }
      names = [] // none
    }
    this.#told.delete(folder)
    if (names.length > FILES_MAX) this.#tell(folder, `only the first ${FILES_MAX} files count`)
    const paths = names.slice(0, FILES_MAX).map((name) => join(folder, name))
    for (const map of [this.#known, this.#told])
      for (const path of map.keys()) if (!paths.includes(path) && path !== folder) map.delete(path)
    for (const path of paths) await this.#read(path)
    this.#pods = this.#distinct()
    return this.#pods
  }

  /** Calls `found` with all pods whenever one of them has changed, until `signal` aborts. */
  async run(found: (pods: readonly Pod[]) => void, signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts.env
    let told = idsOf(this.#pods)
    while (!signal.aborted) {
      const stop = new AbortController()
      const until = AbortSignal.any([signal, stop.signal])
      const isWatched = this.#watch(until)
      const pods = await this.scan() // after the watch began, so that nothing falls between
      if (pods && idsOf(pods) !== told) {
        told = idsOf(pods)
        found(pods)
      }
      await Promise.race([
        clock.sleep(RESCAN_MS * (0.8 + this.#parts.env.random() * 0.4), until),
        ...(isWatched ? [this.#changed.wait(until)] : []),
      ])
      stop.abort()
      if (isWatched) await clock.sleep(SETTLE_MS, signal)
    }
  }

  async #read(path: string): Promise<void> {
    const { nodeName, env } = this.#parts
    try {
      const { mtimeMs, ctimeMs, size, ino } = await stat(path)
      const version = [mtimeMs, ctimeMs, size, ino].join()
      const before = this.#known.get(path)
      if (before?.version === version) return
      this.#known.set(path, { version, pods: before?.pods ?? [] }) // what ran before a bad change runs on
      const pods = await readManifest({ nodeName, path, seen: timestamp(env.clock.nowMs()) })
      this.#known.set(path, {
        version,
        pods: pods.map((pod) => before?.pods.find(({ metadata }) => metadata.uid === pod.metadata.uid) ?? pod),
      })
      this.#told.delete(path)
    } catch (error) {
      if (isMissing(error)) this.#known.delete(path)
      else this.#tell(path, messageOf(error))
      const known = this.#known.get(path)
      if (known && !(error instanceof ManifestError)) this.#known.set(path, { ...known, version: '' }) // it may be readable later
    }
  }

  /** Of pods with one name the first. */
  #distinct(): readonly Pod[] {
    const byName = new Map<string, Pod>()
    for (const [path, { pods }] of [...this.#known].sort(([a], [b]) => (a < b ? -1 : 1)))
      for (const pod of pods) {
        const name = `${pod.metadata.namespace}/${pod.metadata.name}`
        if (byName.has(name)) this.#tell(path, `there is another manifest of pod ${name}`)
        else byName.set(name, pod)
      }
    return [...byName.values()]
  }

  #watch(signal: AbortSignal): boolean {
    try {
      const watcher = watch(this.#parts.folder, { signal }, () => this.#changed.notify())
      watcher.on('error', () => this.#changed.notify())
      return true
    } catch {
      return false // it is not there yet
    }
  }

  #tell(path: string, why: string): void {
    if (this.#told.get(path) === why) return
    this.#told.set(path, why)
    this.#parts.failed(path, why)
  }
}

const idsOf = (pods: readonly Pod[] | undefined): string | undefined => pods?.map(({ metadata }) => metadata.uid).join()
