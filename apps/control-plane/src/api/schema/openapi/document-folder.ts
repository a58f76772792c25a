import { fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, readFileSync } from 'node:fs'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { serviceUnavailable } from '@bramble/api/status-error'
import type { Clock } from '@bramble/reconcile/env'
import type { DocumentedKind } from './documented-kind.ts'

const BUILDER = new URL(import.meta.url.endsWith('.ts') ? './document-builder.ts' : './document-builder.js', import.meta.url)
/** A Raspberry Pi needs seconds for all documents. */
const BUILD_MS_MAX = 120_000
const OURS = /^[0-9A-F]{64}\.gz(\.new)?$/

/** Of the program that builds documents. A bundle names its parts by their content, so that this tells of all that it imports. */
export const builderHash = (): string => createHash('sha256').update(readFileSync(BUILDER)).digest('hex')

export type DocumentForm = 'v3' | 'v2' | 'v2-protobuf'

/** A document to be built. */
export interface DocumentJob {
  readonly file: string
  readonly form: DocumentForm
  readonly kinds: readonly DocumentedKind[]
}

/** What the builder is told. */
export interface DocumentOrder {
  readonly folder: string
  readonly jobs: readonly DocumentJob[]
}

/** A document by the hash of what it is made from. */
export interface Document {
  readonly hash: string
  readonly form: DocumentForm
  kinds(): readonly DocumentedKind[]
}

/**
 * Documents on the disk, compressed, each named by its hash. One that is missing or damaged is built, once, in a process
 * that ends with it; nothing of a document stays in memory.
 */
export class DocumentFolder {
  readonly #folder: string
  readonly #clock: Clock
  readonly #building = new Map<string, Promise<void>>()
  /** Names of files that were found whole since we run. */
  readonly #whole = new Set<string>()

  constructor(folder: string, clock: Clock) {
    this.#folder = folder
    this.#clock = clock
  }

  /**
   * The compressed file of a document.
   *
   * @param current All documents that clients may ask for now: those of the same form are built on the way, other files are removed.
   * @throws StatusError 503 when it cannot be built.
   */
  async file(wanted: Document, current: readonly Document[]): Promise<{ readonly path: string; readonly sizeBytes: number }> {
    const name = fileOf(wanted)
    await this.#building.get(name)
    if (!(await this.#isWhole(name))) await (this.#building.get(name) ?? this.#build(wanted, current))
    const path = join(this.#folder, name)
    return { path, sizeBytes: (await stat(path)).size }
  }

  /** When nothing is being built. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#building.values()])
  }

  async #isWhole(name: string): Promise<boolean> {
    const path = join(this.#folder, name)
    try {
      await stat(path)
      if (!this.#whole.has(name))
        await pipeline(createReadStream(path), createGunzip(), new Writable({ write: (_chunk, _encoding, done) => done() }))
      this.#whole.add(name)
      return true
    } catch {
      this.#whole.delete(name)
      return false
    }
  }

  #build(wanted: Document, current: readonly Document[]): Promise<void> {
    const others = current.filter((each) => each.form === wanted.form && each.hash !== wanted.hash && !this.#whole.has(fileOf(each)))
    const jobs = [wanted, ...others].filter((each) => !this.#building.has(fileOf(each)))
    const waiting = new Map(jobs.map((each) => [fileOf(each), Promise.withResolvers<void>()]))
    for (const [file, { promise }] of waiting) {
      this.#building.set(file, promise)
      promise.catch(() => {}).finally(() => this.#building.delete(file))
    }
    void this.#run(jobs, (file) => waiting.get(file)?.resolve()).then(
      () => {
        for (const { resolve } of waiting.values()) resolve() // it may end before its last message is read
        return this.#removeAllBut(new Set(current.map(fileOf)))
      },
      (error: unknown) => {
        for (const { reject } of waiting.values())
          reject(serviceUnavailable(`no OpenAPI document could be built: ${(error as Error).message}`, { cause: error }))
      },
    )
    return waiting.get(fileOf(wanted))!.promise
  }

  async #run(documents: readonly Document[], isBuilt: (file: string) => void): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    const jobs = documents.map((each): DocumentJob => ({ file: fileOf(each), form: each.form, kinds: each.kinds() }))
    const builder = fork(BUILDER, { serialization: 'advanced', stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    const stop = new AbortController()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    builder.on('message', (file: string) => {
      this.#whole.add(file)
      isBuilt(file)
    })
    builder.once('error', reject)
    builder.once('exit', (code, signal) => (code === 0 ? resolve() : reject(new Error(`its process ended with ${signal ?? code}`))))
    void this.#clock.sleep(BUILD_MS_MAX, stop.signal).then(() => reject(new Error(`it took more than ${BUILD_MS_MAX / 1000} s`)))
    try {
      builder.send({ folder: this.#folder, jobs } satisfies DocumentOrder)
      await promise
    } finally {
      stop.abort()
      builder.kill('SIGKILL')
    }
  }

  /** What no client can ask for any more. */
  async #removeAllBut(current: ReadonlySet<string>): Promise<void> {
    const files = await readdir(this.#folder).catch(() => [])
    for (const file of files)
      if (OURS.test(file) && !current.has(file) && !this.#building.has(file.replace(/\.new$/, '')))
        await rm(join(this.#folder, file), { force: true }).catch(() => {})
  }
}

const fileOf = ({ hash }: Document): string => `${hash}.gz`
