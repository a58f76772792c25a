import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import { type ImageState, RuntimeError } from '../runtime.ts'

/** Images by name alone. */
export class FakeImages {
  readonly #images = new Map<string, ImageState>()

  add(reference: string): ImageState {
    const image = {
      id: `sha256:${hash(reference)}`,
      names: [reference],
      digests: [`${reference.split(':')[0]}@sha256:${hash(`${reference}@`)}`],
      sizeBytes: 1_000_000,
    }
    this.#images.set(image.id, image)
    return image
  }

  has(id: string): boolean {
    return this.#images.has(id)
  }

  status(reference: string): ImageState | undefined {
    if (!/^[\w./:@-]+$/.test(reference) || /[A-Z]/.test(reference.split(/[:@]/)[0]!))
      throw new RuntimeError('InvalidImageName', `image "${reference}" has no valid name`)
    return this.list().find((image) => image.id === reference || image.names.includes(reference) || image.digests.includes(reference))
  }

  /** `/x/web.tar` has `localhost/web:latest` in it. */
  load(archivePath: string): ImageState {
    return this.add(`localhost/${basename(archivePath, '.tar')}:latest`)
  }

  list(): readonly ImageState[] {
    return [...this.#images.values()]
  }

  remove(id: string): void {
    this.#images.delete(id)
  }
}

/** 64 hexadecimal digits that depend on the text alone. */
export const hash = (text: string): string => createHash('sha256').update(text).digest('hex')
