import type { Clock } from '@bramble/reconcile/env'
import { type ImageService, type ImageState, type RegistryLogin, RuntimeError } from '../../runtime/runtime.ts'

/** Images of a node and the registry behind it, over maps: what is pulled takes time, may need a login, may never end. */
export class FakeImages implements ImageService {
  readonly present = new Map<string, ImageState>()
  /** `user:password` that a repository asks for, by reference. */
  readonly logins = new Map<string, string>()
  readonly missing = new Set<string>()
  readonly silent = new Set<string>()
  /** References in the order in which they were asked for. */
  readonly pulls: string[] = []
  readonly removed: string[] = []
  readonly #clock: Clock
  readonly #pullMs: number
  #atOnce = 0
  /** Pulls at the same time. */
  atOnceMax = 0
  /** Images that the runtime refuses to remove, by id. */
  readonly held = new Set<string>()

  constructor(clock: Clock, pullMs = 1_234) {
    this.#clock = clock
    this.#pullMs = pullMs
  }

  add(reference: string, more: Partial<ImageState> = {}): ImageState {
    const image = { id: `sha256:${reference}`, names: [reference], digests: [`${reference}@sha256:0`], sizeBytes: 1_000, ...more }
    this.present.set(image.id, image)
    return image
  }

  async imageStatus(reference: string): Promise<ImageState | undefined> {
    if (reference.includes(' ')) throw new RuntimeError('InvalidImageName', `"${reference}" is no name`)
    return [...this.present.values()].find(({ id, names }) => id === reference || names.includes(reference))
  }

  async pullImage(reference: string, logins: readonly RegistryLogin[], signal: AbortSignal): Promise<ImageState> {
    this.pulls.push(reference)
    this.atOnceMax = Math.max(this.atOnceMax, ++this.#atOnce)
    try {
      if (this.silent.has(reference)) await this.#clock.sleep(2 ** 31, signal)
      await this.#clock.sleep(this.#pullMs, signal)
      signal.throwIfAborted()
    } finally {
      this.#atOnce--
    }
    const wanted = this.logins.get(reference)
    if (wanted !== undefined && !logins.some(({ username, password }) => `${username}:${password}` === wanted))
      throw new RuntimeError('ErrImagePull', `reading manifest of ${reference}: unauthorized`)
    if (this.missing.has(reference)) throw new RuntimeError('ErrImagePull', `reading manifest of ${reference}: manifest unknown`)
    return this.add(reference)
  }

  async loadImages(archivePath: string): Promise<readonly ImageState[]> {
    if (archivePath.includes('bad')) throw new RuntimeError('ErrImagePull', 'it is no archive of images')
    return [this.add(`localhost/${archivePath.split('/').at(-1)!.replace(/\..*$/, '')}:1`)]
  }

  async listImages(): Promise<readonly ImageState[]> {
    return [...this.present.values()]
  }

  async removeImage(id: string): Promise<void> {
    if (this.held.has(id)) throw new RuntimeError('ImageInspectError', `image ${id} is in use`)
    this.removed.push(id)
    this.present.delete(id)
  }
}
