import { type ImageService, type ImageState, type RegistryLogin, RuntimeError } from '../runtime.ts'
import { type PodmanClient, PodmanError } from './client.ts'
import { imageState } from './convert.ts'
import { fullImageName, isLocalImage } from './image-reference.ts'
import type { InspectedImage, ListedImage } from './libpod.ts'

const PULL_MS_MAX = 60 * 60_000

/** Images in Podman's storage, under the names that Kubernetes gives them. */
export class PodmanImages implements ImageService {
  readonly #client: PodmanClient

  constructor(client: PodmanClient) {
    this.#client = client
  }

  async imageStatus(reference: string): Promise<ImageState | undefined> {
    const name = fullImageName(reference)
    try {
      return imageState(await this.#client.call<InspectedImage>('GET', `/images/${encodeURIComponent(bareId(name))}/json`))
    } catch (error) {
      if (isStatus(error, 404)) return undefined
      throw error instanceof PodmanError
        ? new RuntimeError('ImageInspectError', `image ${name}: ${error.message}`, { cause: error })
        : error
    }
  }

  async pullImage(reference: string, _logins: readonly RegistryLogin[], signal: AbortSignal): Promise<ImageState> {
    const name = fullImageName(reference)
    if (isLocalImage(name))
      throw new RuntimeError(
        'ErrImagePull',
        `image ${name} is made on the node itself and is not here: build it, or load it with "podman load"`,
      )
    await this.#pull(name, signal)
    const state = await this.imageStatus(name)
    if (!state) throw new RuntimeError('ErrImagePull', `image ${name} was pulled and is gone again`)
    return state
  }

  async listImages(): Promise<readonly ImageState[]> {
    const images = await this.#client.call<readonly ListedImage[]>('GET', '/images/json')
    return images.map(imageState)
  }

  async loadImages(archivePath: string): Promise<readonly ImageState[]> {
    throw new RuntimeError('ErrImagePull', `${archivePath} cannot be loaded yet`)
  }

  async removeImage(id: string): Promise<void> {
    try {
      await this.#client.call('DELETE', `/images/${encodeURIComponent(bareId(id))}`)
    } catch (error) {
      if (isStatus(error, 404)) return
      throw error instanceof PodmanError
        ? new RuntimeError('ImageInspectError', `image ${id} cannot be removed: ${error.message}`, { cause: error })
        : error
    }
  }

  async #pull(name: string, signal: AbortSignal): Promise<void> {
    const failed = (words: string, cause?: unknown): RuntimeError =>
      new RuntimeError('ErrImagePull', `pulling ${name}: ${words}`, { cause })
    try {
      const query = { reference: name, policy: 'always', quiet: true }
      const lines = await this.#client.lines<{ error?: string }>('/images/pull', { query, signal, timeoutMs: PULL_MS_MAX })
      const problem = lines.find((line) => line.error !== undefined)?.error
      if (problem !== undefined) throw failed(problem)
    } catch (error) {
      if (error instanceof PodmanError) throw failed(error.message, error)
      throw error
    }
  }
}

const bareId = (name: string): string => name.replace(/^sha256:/, '')
const isStatus = (error: unknown, status: number): boolean => error instanceof PodmanError && error.status === status
